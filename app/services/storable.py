"""What somebody gives a run from outside is refused at the door where no journal could hold it."""

from typing import Any

from app.errors import Invalid
from app.flows.storable import DEEPEST, fault


class NotStorable(Invalid):
    """Its code is that of the fault (`value.…`); `context["path"]` is the place."""


def refuse_unstorable(value: Any, path: str) -> None:
    """Raises `NotStorable` for a value that could not be stored; `path` begins its place."""
    found = fault(value, path)
    if found is not None:
        raise NotStorable(found.code, path=found.path, limit=DEEPEST)
