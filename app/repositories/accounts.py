"""People by address or id, with the workspace they enter. These rows come before any workspace is chosen."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.models.accounts import Account, Membership


async def by_email(session: AsyncSession, email: str) -> Account | None:
    return await session.scalar(select(Account).where(col(Account.email) == email))


async def first_membership(session: AsyncSession, account_id: UUID) -> Membership | None:
    """The workspace a person enters when they name none: the oldest."""
    return await session.scalar(
        select(Membership)
        .where(col(Membership.account_id) == account_id)
        .order_by(col(Membership.workspace_id))
        .limit(1)
    )


async def member(
    session: AsyncSession, account_id: UUID, workspace_id: UUID
) -> tuple[Account, Membership] | None:
    """The person and their role in the workspace; None when they do not belong there (any more)."""
    row = (
        await session.execute(
            select(Account, Membership)
            .join(Membership, col(Membership.account_id) == col(Account.id))
            .where(col(Account.id) == account_id, col(Membership.workspace_id) == workspace_id)
        )
    ).one_or_none()
    return (row[0], row[1]) if row else None
