"""Credentials of a workspace."""

from collections.abc import Sequence

from sqlmodel import col

from app.models.credentials import Credential
from app.repositories.base import WorkspaceRepository


class Credentials(WorkspaceRepository[Credential]):
    model = Credential
    missing = "credential.not_found"

    async def by_name(self, name: str) -> Credential | None:
        return await self.session.scalar(self.rows().where(col(Credential.name) == name))

    async def all(self) -> Sequence[Credential]:
        """By name."""
        return (await self.session.scalars(self.rows().order_by(col(Credential.name)))).all()
