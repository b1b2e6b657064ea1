"""Call an HTTP address. An answer of 400 and above is an error unless any status is accepted."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from app.capabilities import HttpRequest, HttpResponse, NodeContext
from app.flows.node_type import (
    Effects,
    ErrorKind,
    Next,
    NodeError,
    NodeType,
    Output,
    Params,
    Rendered,
    Template,
)

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_REPEATABLE = frozenset({"PUT", "DELETE"})
Pairs = Annotated[
    dict[str, Any],
    Rendered("value"),
    Field(json_schema_extra={"x-template": "value", "widget": "keyvalue"}),
]
Body = Annotated[Any, Rendered("value"), Field(json_schema_extra={"x-template": "value", "widget": "value"})]


class RequestParams(Params):
    """`json` wins over `body`; `credential` names a slot of the flow's `requires`."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] = "GET"
    url: Annotated[Template, Field(min_length=1)]
    query: Pairs = Field(default_factory=dict)
    headers: Pairs = Field(default_factory=dict)
    json_: Annotated[Body, Field(alias="json")] = None
    body: Annotated[Template | None, Field(json_schema_extra={"widget": "textarea"})] = None
    credential: Annotated[
        str | None, Field(json_schema_extra={"widget": "credential", "x-advanced": True})
    ] = None
    accept_any_status: Annotated[bool, Field(json_schema_extra={"x-advanced": True})] = False
    max_bytes: Annotated[int, Field(ge=1, le=16_777_216, json_schema_extra={"x-advanced": True})] = 1_048_576


class RequestOutput(Output):
    """`json` is null where the answer is not JSON. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    json_: Any = Field(None, alias="json")
    text: str


def effects_of(params: Mapping[str, Any]) -> Effects:
    method = params.get("method", "GET")
    return "read" if method in _READS else "idempotent" if method in _REPEATABLE else "unsafe"


def _kind(status: int) -> ErrorKind:
    if status == 429:
        return ErrorKind.RATE_LIMITED
    if status in (401, 403, 407):
        return ErrorKind.AUTH
    if status in (408, 504):
        return ErrorKind.TIMEOUT
    return ErrorKind.UPSTREAM if status >= 500 else ErrorKind.INVALID_INPUT


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _texts(pairs: Mapping[str, Any]) -> dict[str, str]:
    """Values as they travel: strings as they are, everything else as JSON; null is left out."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in pairs.items()
        if value is not None
    }


async def run(params: RequestParams, ctx: NodeContext) -> Next:
    response: HttpResponse = await ctx.http.send(
        HttpRequest(
            method=params.method,
            url=params.url,
            query=_texts(params.query),
            headers={"Idempotency-Key": ctx.idempotency_key} | _texts(params.headers),
            json=params.json_,
            body=params.body,
            credential=params.credential,
            max_bytes=params.max_bytes,
        )
    )
    text = response.body.decode(response.encoding, errors="replace")
    if response.status >= 400 and not params.accept_any_status:
        wish = response.headers.get("retry-after", "")
        raise NodeError(
            _kind(response.status),
            "http.status",
            param="url",
            retry_after_s=float(wish) if wish.isdigit() else None,
            status=response.status,
            answer=text[:300],
        )
    headers = dict(response.headers)
    return Next("out", {"status": response.status, "headers": headers, "json": _json(text), "text": text})


NODE = NodeType(
    key="http.request",
    version=1,
    category="http",
    icon="globe",
    effects="unsafe",
    params=RequestParams,
    output=RequestOutput,
    ports=("out",),
    run=run,
    tool=True,
    effects_of=effects_of,
    starts_with={"method": "GET", "url": "https://"},
)
