"""How a step learns that a run it called did not succeed."""

from collections.abc import Mapping
from typing import Any

from app.flows.node_type import ErrorKind, NodeError
from app.flows.wording import origin, sentence


def call_failed(ended: Mapping[str, Any]) -> NodeError:
    """`subflow.failed`, with the kind of the called run's own error. `ended` is the signal of its end."""
    inner = origin(ended.get("error") or {"code": "run.cancelled"})
    kind = ErrorKind.CANCELLED if ended.get("status") == "cancelled" else ErrorKind.UPSTREAM
    return NodeError(
        ErrorKind(inner.get("kind", kind)),
        "subflow.failed",
        run_id=ended.get("id"),
        reason=sentence(inner),
        cause=inner,
    )
