"""The runs this process holds: their heartbeats, and the wish to cancel one."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import structlog

from app.core.db import unit_of_work
from app.realtime.hub import GAP, Listener, hub
from app.realtime.publish import CANCELS
from app.repositories import leases
from app.repositories.leases import Claimed

_log = structlog.get_logger()


class Held:
    """Runs under a lease of this process."""

    def __init__(self, lease_s: float, heartbeat_s: float) -> None:
        self._lease_s, self._heartbeat_s = lease_s, heartbeat_s
        self._runs: dict[UUID, tuple[str, asyncio.Event, asyncio.Task[None] | None]] = {}

    @contextmanager
    def hold(self, run: Claimed) -> Iterator[asyncio.Event]:
        """Keep the lease while inside. The event is set when somebody wants the run cancelled."""
        cancel = asyncio.Event()
        if run.cancel_requested:
            cancel.set()
        self._runs[run.id] = run.lease_owner, cancel, asyncio.current_task()
        try:
            yield cancel
        finally:
            if self._runs.get(run.id, ("",))[0] == run.lease_owner:
                del self._runs[run.id]

    async def keep_leases(self) -> None:
        """Prolong every lease in one statement; drop runs whose lease another process took."""
        while True:
            await asyncio.sleep(self._heartbeat_s)
            held = [(run_id, owner) for run_id, (owner, _, _) in self._runs.items()]
            if not held:
                continue
            async with unit_of_work() as session:
                kept = await leases.beat(session, held, self._lease_s)
            for run_id, owner in held:
                self._judge(run_id, owner, kept)

    def _judge(self, run_id: UUID, owner: str, kept: dict[UUID, bool]) -> None:
        current = self._runs.get(run_id)
        if current is None or current[0] != owner:
            return
        if kept.get(run_id):
            current[1].set()

    async def hear_cancels(self) -> None:
        """Cancel at once when told so; a missed word comes with the next heartbeat."""
        listener: Listener = asyncio.Queue()
        await (await hub()).listen(CANCELS, listener)
        while True:
            message = await listener.get()
            if message != GAP:
                self.cancel(message.decode())

    def cancel(self, run_id: str) -> None:
        held = self._runs.get(UUID(run_id))
        if held is not None:
            held[1].set()
