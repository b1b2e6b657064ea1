"""Results that later runs may have instead of asking again (`cache{ttl_s}`): which, and what they depend on."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final, Protocol

import orjson

from app.flows.node_type import Next, NodeType, Params, Result
from app.flows.plan import Plan, rendered_kind
from app.flows.ports import StepRequest
from app.flows.templates import TemplateError

_FREE: Final = {"prompt_tokens": 0, "completion_tokens": 0, "cost_usd": 0.0, "calls": 0}


class Keeper(Protocol):
    """Where results are kept. Nothing here may fail a step."""

    async def find(self, key: str) -> dict[str, Any] | None: ...

    async def keep(self, key: str, result: Mapping[str, Any], ttl_s: float) -> None: ...


def can_keep(node_type: NodeType, effects: str) -> bool:
    """Whether steps of this type may be answered by an earlier result: they read or compute, and do nothing else."""
    plain = not (node_type.container or node_type.join or node_type.resume or node_type.trigger)
    return plain and node_type.has_input and not node_type.transactional and effects in ("none", "read")


def key_of(plan: Plan, request: StepRequest, params: Params) -> str | None:
    """A hash of all that the result depends on; None where that cannot be told."""
    node, raw = request.node, {}
    for name, value in node.params.raw.items():
        if rendered_kind(node.type.params, name) == "raw":
            try:
                raw[name] = plan.render(value, request.scope)
            except TemplateError:
                return None
    given = request.input if raw or node.type.passes_input else None
    parts = [node.type.key, node.type.version, params.model_dump(mode="json", by_alias=True), raw, given]
    try:
        written = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return None
    return hashlib.sha256(written).hexdigest()


def stored(result: Result) -> dict[str, Any] | None:
    """A result as it is kept; None for one that does more than answer."""
    if not isinstance(result, Next) or result.state or result.messages or result.tasks or result.effects:
        return None
    ports = [result.port] if isinstance(result.port, str) else list(result.port)
    return {"ports": ports, "output": result.output, "usage": result.usage and dict(result.usage)}


def restored(kept: Mapping[str, Any]) -> Next:
    """The result again. It costs nothing this time."""
    usage = kept.get("usage")
    free = {"model": usage.get("model"), **_FREE} if usage else None
    return Next(tuple(kept["ports"]), kept["output"], usage=free, cached=True)
