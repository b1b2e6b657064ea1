"""The runs this process holds: their heartbeats, and the wish to cancel one."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import structlog

from app.core.db import unit_of_work
from app.realtime.hub import GAP, Listener, hub
from app.realtime.publish import CANCELS, NUDGES
from app.repositories import leases
from app.repositories.leases import Claimed

_log = structlog.get_logger()


class Held:
    """Runs under a lease of this process."""

    def __init__(self, lease_s: float, heartbeat_s: float) -> None:
        self._lease_s, self._heartbeat_s = lease_s, heartbeat_s
        self._runs: dict[UUID, tuple[str, asyncio.Event, asyncio.Task[None] | None]] = {}
        self._nudges: dict[UUID, asyncio.Event] = {}

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

    @contextmanager
    def nudges(self, run: Claimed) -> Iterator[asyncio.Event]:
        """An event that is set when something that the run waits for may have come."""
        event = self._nudges[run.id] = asyncio.Event()
        try:
            yield event
        finally:
            if self._nudges.get(run.id) is event:
                del self._nudges[run.id]

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
            for event in self._nudges.values():  # a word that was missed
                event.set()

    def _judge(self, run_id: UUID, owner: str, kept: dict[UUID, bool]) -> None:
        current = self._runs.get(run_id)
        if current is None or current[0] != owner:
            return
        if kept.get(run_id):
            current[1].set()

    async def hear_cancels(self) -> None:
        """Cancel at once when told so; a missed word comes with the next heartbeat."""
        await self._hear(CANCELS, self.cancel)

    async def hear_nudges(self) -> None:
        """Let a driver look for signals when somebody rang for its run in vain."""
        await self._hear(NUDGES, self.nudge)

    async def _hear(self, channel: str, act: Callable[[str], None]) -> None:
        listener: Listener = asyncio.Queue()
        await (await hub()).listen(channel, listener)
        while True:
            message = await listener.get()
            if message != GAP:
                act(message.decode())

    def nudge(self, run_id: str) -> None:
        event = self._nudges.get(UUID(run_id))
        if event is not None:
            event.set()

    def cancel(self, run_id: str) -> None:
        held = self._runs.get(UUID(run_id))
        if held is not None:
            held[1].set()
