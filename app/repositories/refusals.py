"""What the caller of an append gets that the database will never take."""

from typing import Final

from sqlalchemy.exc import DataError, DBAPIError

from app.flows.ports import Unstorable
from app.flows.storable import fault
from app.repositories.appends import Append

_PROGRAM_LIMIT: Final = "54"
_DEEPEST: Final = 240  # with what stands around a value in its event


def too_much(error: DBAPIError) -> bool:
    """Whether the database says that a limit of its own is passed: it will say so again."""
    return str(getattr(error.orig, "sqlstate", None) or "").startswith(_PROGRAM_LIMIT)


def refusal(item: Append, error: Exception) -> Exception:
    """An error that is about the values, located; one that is not (a row that is gone) stays what it is."""
    if isinstance(error, DBAPIError) and not isinstance(error, DataError) and not too_much(error):
        return error
    for event in item.events:
        found = fault(event, deepest=_DEEPEST)
        if found is not None:
            return Unstorable(found.code, event.get("node"), found.path)
    return Unstorable("run.unstorable", reason=type(error).__name__)
