"""Columns that tables share. Tables have no relationships: a repository joins what it needs."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from inspect import Signature
from types import SimpleNamespace
from typing import Any, TypeVar, cast
from uuid import UUID

from sqlalchemy import DateTime, Text
from sqlmodel import Field, SQLModel

from app.core.clock import new_id, now

T = TypeVar("T")
M = TypeVar("M", bound=SQLModel)


def factory(make: Callable[[], T]) -> Callable[[], T]:
    """A default factory that says it takes no arguments. Of any other, pydantic asks with every new row, at a price."""

    def made() -> T:
        return make()

    made.__signature__ = Signature()  # type: ignore[attr-defined]
    return made


empty_dict: Callable[[], dict[str, Any]] = factory(dict)
empty_list: Callable[[], list[Any]] = factory(list)


def moment(**options: Any) -> Any:
    """A point in time, with its zone. `nullable=True` starts empty."""
    if options.get("nullable"):
        return Field(default=None, sa_type=DateTime(timezone=True), **options)
    return Field(default_factory=factory(now), sa_type=DateTime(timezone=True), **options)


def text(default: Any = ..., **options: Any) -> Any:
    """Text of any length, kept as it is: order of keys and spacing of JSON included."""
    return Field(default, sa_type=Text, **options)


@lru_cache
def _defaults(model: type[SQLModel]) -> tuple[dict[str, Any], dict[str, Callable[[], Any]]]:
    fields = model.model_fields.items()
    fixed = {
        name: field.default
        for name, field in fields
        if field.default_factory is None and not field.is_required()
    }
    made = {name: field.default_factory for name, field in fields if field.default_factory is not None}
    return fixed, cast(dict[str, Callable[[], Any]], made)


def new_row(model: type[M], **values: Any) -> M:
    """A new row for statements that only store it: its columns and their defaults as attributes, and nothing of the
    ORM, which takes ten times as long to make one. No session may be given it.
    """
    fixed, made = _defaults(model)
    row = fixed | values
    for name, make in made.items():
        if name not in row:
            row[name] = make()
    return cast(M, SimpleNamespace(**row))


class Row(SQLModel):
    """A row with an id that sorts by age."""

    id: UUID = Field(default_factory=factory(new_id), primary_key=True)
    created_at: datetime = moment()


class WorkspaceRow(Row):
    """A row that belongs to one workspace; repositories never show it to another."""

    workspace_id: UUID = Field(foreign_key="workspace.id", index=True, ondelete="CASCADE")
