"""The only way a document changes: `apply(flow, op) → flow` and `invert(flow, op) → op`, both pure.

An operation is a plain JSON object tagged by `op`. Every value it brings is validated like a file's, so no
operation yields a document the codec would refuse. `"restore": true` marks an inverse that may bring back what
an imported file had although it points nowhere (a dangling edge, an unknown parent, a stray position).
"""

from typing import Any, Final

from app.flows import codec, node_edits, part_edits
from app.flows.document import Flow
from app.flows.edit_values import Op, OperationConflict, OperationError
from app.flows.undo import INVERSES

__all__ = ["Op", "OperationConflict", "OperationError", "apply", "invert"]

MAX_BATCH: Final = 5_000
_MAX_NESTED: Final = 8
# Below this many bytes of compact JSON no document reaches the limit of a written file.
_SURELY_FITS: Final = codec.MAX_BYTES // (2 * codec.MAX_DEPTH)
_EDITS: Final = {**node_edits.EDITS, **part_edits.EDITS}


def apply(flow: Flow, op: Op) -> Flow:
    """The document after the operation; a batch happens whole or not at all. Raises `OperationError`."""
    after = _apply(flow, op, 0)
    if len(after.model_dump_json()) > _SURELY_FITS and len(codec.dump(after).encode()) > codec.MAX_BYTES:
        raise OperationError("operation.too_large", limit=codec.MAX_BYTES)
    return after


def invert(flow: Flow, op: Op) -> dict[str, Any]:
    """What takes `op` back; `flow` is the document before it.

    `apply(apply(flow, op), invert(flow, op)) == flow`, and the two are written alike. Raises `OperationError`.
    """
    back: list[dict[str, Any]] = []
    for step in _steps(op, 0):
        after = _apply(flow, step, 0)
        back[:0] = INVERSES[step["op"]](flow, step)
        flow = after
    return back[0] if len(back) == 1 else {"op": "batch", "ops": back}


def _apply(flow: Flow, op: Op, depth: int) -> Flow:
    for step in _steps(op, depth):
        flow = _EDITS[step["op"]](flow, step)
    return flow


def _steps(op: Any, depth: int) -> list[Op]:
    """The single operations of an operation, batches opened."""
    if not isinstance(op, dict):
        raise OperationError(op="", field="op")
    name = op.get("op")
    if name != "batch":
        if not isinstance(name, str) or name not in _EDITS:
            raise OperationError("operation.unknown", op=str(name)[:40])
        return [op]
    ops = op.get("ops")
    if not isinstance(ops, list) or len(ops) > MAX_BATCH or depth >= _MAX_NESTED:
        raise OperationError(op="batch", field="ops")
    steps: list[Op] = []
    for each in ops:
        steps += _steps(each, depth + 1)
        if len(steps) > MAX_BATCH:
            raise OperationError(op="batch", field="ops")
    return steps
