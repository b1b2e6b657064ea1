"""Credentials of a workspace."""

from sqlalchemy import func, select
from sqlmodel import col

from app.models.accounts import Account
from app.models.credentials import Credential
from app.repositories.base import WorkspaceRepository


class Credentials(WorkspaceRepository[Credential]):
    model = Credential
    missing = "credential.not_found"

    async def names(self) -> set[str]:
        return {row.name for row in await self.session.scalars(self.rows())}

    async def by_name(self, name: str) -> Credential | None:
        return await self.session.scalar(self.rows().where(col(Credential.name) == name))

    async def with_authors(self) -> list[tuple[Credential, str]]:
        """By name, with the name of whoever made each; empty for somebody who is gone."""
        author = func.coalesce(func.nullif(col(Account.name), ""), col(Account.email), "")
        query = (
            select(Credential, author)
            .outerjoin(Account, col(Account.id) == col(Credential.created_by))
            .where(col(Credential.workspace_id) == self.workspace_id)
            .order_by(col(Credential.name))
        )
        return [(row[0], row[1]) for row in await self.session.execute(query)]
