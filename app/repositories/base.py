"""The tenant filter. Repositories are the only home of `select()`; those of a workspace's rows start from here."""

from typing import Any, ClassVar, Generic, TypeVar, cast
from uuid import UUID

from sqlalchemy import Select, Table, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, col

from app.core.ids import WorkspaceId
from app.errors import NotFound
from app.models.base import WorkspaceRow

T = TypeVar("T", bound=WorkspaceRow)


def table_of(model: type[SQLModel]) -> Table:
    """The table behind a model, for statements that need no ORM."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


def row_values(row: SQLModel) -> dict[str, Any]:
    """A new row's columns as they are, without the copying and checking of `model_dump`."""
    return {name: value for name, value in row.__dict__.items() if name != "_sa_instance_state"}


class WorkspaceRepository(Generic[T]):
    """Rows of one table that belong to one workspace. Every query of a subclass starts from `rows()`."""

    model: ClassVar[type[WorkspaceRow]]
    missing: ClassVar[str] = NotFound.code

    def __init__(self, session: AsyncSession, workspace_id: WorkspaceId) -> None:
        self.session = session
        self.workspace_id = workspace_id

    def rows(self) -> Select[T]:
        """All rows of the workspace."""
        model = cast(type[T], self.model)
        return select(model).where(col(model.workspace_id) == self.workspace_id)

    async def find(self, row_id: UUID) -> T | None:
        return await self.session.scalar(self.rows().where(col(self.model.id) == row_id))

    async def get(self, row_id: UUID) -> T:
        """The row. Raises `NotFound` with the code `missing`, also for a row of another workspace."""
        row = await self.find(row_id)
        if row is None:
            raise NotFound(self.missing, id=str(row_id))
        return row

    def add(self, row: T) -> T:
        """Store a new row. It becomes this workspace's, whatever it said."""
        row.workspace_id = self.workspace_id
        self.session.add(row)
        return row
