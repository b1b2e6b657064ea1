"""What a step may leave in rows that stand by themselves: questions people are shown, what conversations remember.

A journal keeps large values beside its events. These rows are read whole, many at a time or at the start of each run.
"""

from collections.abc import Collection
from typing import Any, Final

from app.flows.large_values import dumps
from app.flows.node_type import ErrorKind, Next, NodeError, Result, Suspend
from app.flows.storable import plain
from app.repositories.waits import FOR_RUNS

MOST_BYTES: Final = 262_144


def check(result: Result, remembered: Collection[str]) -> None:
    """Raises a `NodeError` for a result that asks or remembers too much; `remembered` are variables of the conversation."""
    if isinstance(result, Suspend):
        if result.wait.get("kind") not in FOR_RUNS:
            _fits(result.wait.get("data"), "wait.data", "wait.data_too_large")
    elif isinstance(result, Next):
        for task in result.tasks:
            _fits(task, "task", "wait.data_too_large")
        for name, value in result.state.items():
            if name in remembered:
                _fits(value, f"state.{name}", "state.too_large_to_remember")


def _fits(value: Any, path: str, code: str) -> None:
    if value is None:
        return
    size = len(dumps(plain(value, path)))
    if size > MOST_BYTES:
        raise NodeError(ErrorKind.INVALID_INPUT, code, path=path, size=size, limit=MOST_BYTES)
