"""The PostgreSQL journal behind the protocol, for the contract suite: each name is a run under a lease of its own."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from app.core.db import unit_of_work
from app.models import FlowRun, Workspace
from app.repositories import leases
from app.repositories.appends import Append
from app.repositories.journal import JournalWriter, load_events


class PostgresJournal:
    """Made on a migrated database."""

    def __init__(self) -> None:
        self._writer = JournalWriter()
        self._runs: dict[str, tuple[UUID, str]] = {}

    async def load(self, run_id: str) -> list[Any]:
        run, _ = await self._run(run_id)
        async with unit_of_work() as session:
            return await load_events(session, run)

    async def append(self, run_id: str, expected_seq: int, events: Sequence[Any]) -> None:
        run, owner = await self._run(run_id)
        await self._writer.append(Append(run_id=run, owner=owner, before=expected_seq, events=events))

    async def _run(self, name: str) -> tuple[UUID, str]:
        if name not in self._runs:
            async with unit_of_work() as session:
                workspace = Workspace(name="Test")
                session.add(workspace)
                await session.flush()
                row = FlowRun(workspace_id=workspace.id, snapshot_hash="-", trigger="start")
                session.add(row)
            self._runs[name] = row.id, str(uuid4())
            await leases.claim([self._runs[name]], 60, limit=100)
        return self._runs[name]
