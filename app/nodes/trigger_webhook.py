"""Start with an HTTP request on the flow's own path, verified by a bearer token or a signature."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from app.capabilities import NodeContext
from app.flows.node_type import Next, NodeType, Output, Params


class WebhookAuth(Params):
    """`hmac`: the header `X-Signature` is `sha256=` and the hex HMAC-SHA256 of the body."""

    kind: Literal["none", "bearer", "hmac"] = "none"
    credential: Annotated[str, Field(max_length=60)] = ""

    @model_validator(mode="after")
    def _needs_its_secret(self) -> "WebhookAuth":
        if self.kind != "none" and not self.credential:
            raise ValueError("needs a credential")
        return self


class WebhookParams(Params):
    """`reply`: `ack` answers at once, `last` with the last step's output, `result` with the run's output."""

    path: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}(/[A-Za-z0-9_-]{1,100}){0,5}$")]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    auth: Annotated[WebhookAuth, Field(json_schema_extra={"widget": "auth"})] = WebhookAuth()
    reply: Literal["ack", "last", "result"] = "ack"


class WebhookOutput(Output):
    body: Any
    headers: dict[str, str]
    query: dict[str, Any]


def output_schema(_params: Mapping[str, Any], _inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    headers = {"type": "object", "additionalProperties": True}
    properties = {"body": {}, "headers": headers, "query": headers}
    return {"type": "object", "properties": properties, "required": list(properties)}


async def run(_params: WebhookParams, ctx: NodeContext) -> Next:
    given = ctx.input if isinstance(ctx.input, Mapping) else {"body": ctx.input}
    empty: dict[str, Any] = {"body": None, "headers": {}, "query": {}}
    return Next("out", empty | dict(given))


NODE = NodeType(
    key="trigger.webhook",
    version=1,
    category="trigger",
    icon="webhook",
    effects="none",
    params=WebhookParams,
    output=WebhookOutput,
    ports=("out",),
    run=run,
    trigger=True,
    has_input=False,
    output_schema=output_schema,
    starts_with={"path": "incoming", "reply": "ack"},
)
