"""Drives one run: take the lease, replay the journal, perform what is ready, give the run back.

The actor is a doorbell. Everything here may happen twice; the lease and the journal's numbers decide who counts.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import orjson
import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import InterfaceError, OperationalError

from app.core import clock, jobs
from app.core.db import unit_of_work
from app.core.settings import WorkerSettings
from app.flows.attempts import error_value
from app.flows.drive import DriveResult, Fenced, drive
from app.flows.events import ErrorValue
from app.flows.node_type import ErrorKind, NodeError
from app.flows.ports import Perform, Unstorable
from app.flows.storable import DEEPEST
from app.integrations import queue
from app.models.flow_runs import FlowRun
from app.realtime.publish import CANCELS, ENDED, NUDGES, RedisSink, flow_channel
from app.repositories import leases
from app.repositories.grouping import Grouped
from app.repositories.journal import JournalWriter
from app.repositories.leases import Claimed
from app.services import flow_runs, snapshots
from app.services.snapshots import Snapshot
from workers import spread
from workers.held import Held
from workers.run_journal import Event, RunJournal, hollow, run_started
from workers.wiring import Wiring

ATTEMPTS = 5
_log = structlog.get_logger()


class Runner:
    """Drives runs of one process."""

    def __init__(self, settings: WorkerSettings, wiring: Wiring) -> None:
        self._settings, self._wiring = settings, wiring
        self.held = Held(settings.lease_s, settings.heartbeat_s)
        self.sink = RedisSink()
        self._writer = JournalWriter()
        self._claims: Grouped[tuple[UUID, str], Claimed | None] = Grouped(self._claim_all)
        self._made_room: Grouped[UUID, None] = Grouped(self._admit)

    async def drive(self, run_id: str) -> None:
        """Drive the run as far as it goes, if nobody else does."""
        run = await self._claims((UUID(run_id), f"{uuid4()}"))
        if run is None:
            # Somebody drives it: there may be something that one should hear.
            self.sink.news(NUDGES, run_id)
            return
        with self.held.hold(run) as cancel:
            try:
                await self._drive(run, cancel)
            except Fenced:
                _log.info("flow_run.fenced", run_id=run_id)
            except asyncio.CancelledError:
                await asyncio.shield(self._give_back(run))
                raise

    async def _claim_all(self, wanted: Sequence[tuple[UUID, str]]) -> list[Claimed | Exception | None]:
        """One bell is enough: a second one for the same run in a batch finds it taken."""
        first: dict[UUID, str] = {}
        for run_id, owner in wanted:
            first.setdefault(run_id, owner)
        taken = await leases.claim(list(first.items()), self._settings.lease_s, self._settings.workspace_runs)
        return [taken.get(run_id) if first[run_id] == owner else None for run_id, owner in wanted]

    async def _admit(self, workspaces: Sequence[UUID]) -> list[None]:
        """A run of each of these workspaces is no longer under way: let the next ones begin."""
        for run_id in await leases.next_parked(Counter(workspaces)):
            await ring(run_id)
        return [None] * len(workspaces)

    async def _drive(self, run: Claimed, cancel: asyncio.Event) -> None:
        snapshot, remembered = await self._pinned(run)
        left = await spread.budget(run) if "part" in run.options and not run.seq else None
        started = run_started(run, snapshot, remembered, left)
        toll = self._wiring.toll(run, snapshot)
        parts: dict[tuple[str, str], list[FlowRun]] = {}

        def journal_of(run: Claimed, started: Event) -> RunJournal:
            return RunJournal(self._writer, run, snapshot, started, ring, self._let_go, toll, parts)

        if run.attempts > ATTEMPTS:
            await self._fail(run, journal_of(run, hollow(started)), crashed(run.attempts - 1))
            return
        journal = journal_of(run, started)
        if not run.seq and run.flow_id:
            news = {"kind": "run", "run_id": str(run.id)}
            self.sink.news(flow_channel(str(run.flow_id)), orjson.dumps(news), soon=True)
        perform = self._wiring.perform(run, snapshot, self.sink, ring, toll, parts)
        try:
            result = await self._interpret(run, snapshot, journal, perform, cancel)
        except Unstorable as error:
            # Anew: the append that came to nothing has left its traces in this journal.
            journal = journal_of(replace(run, seq=journal.seq), hollow(started))
            await self._fail(run, journal, unstorable(error))
            return
        finally:
            toll.close()
        if result.status == "waiting":
            await self._rest(run, journal)
        else:
            await self._after_end(run, journal)

    async def _interpret(
        self,
        run: Claimed,
        snapshot: Snapshot,
        journal: RunJournal,
        perform: Perform,
        cancel: asyncio.Event,
    ) -> DriveResult:
        with self.held.nudges(run) as nudge:
            return await drive(
                snapshot.plan,
                str(run.id),
                journal,
                self.sink,
                perform,
                # Deadlines are kept by the database, so its clock is the run's.
                clock.since(run.claimed_at),
                max_parallel=self._settings.steps_per_run,
                timeout_s=snapshot.flow.settings.timeout_s,
                cancel=cancel,
                signals=journal.signals,
                nudge=nudge,
                acts_as=str(spread.acts_as(run)),
            )

    async def _pinned(self, run: Claimed) -> tuple[Snapshot, dict[str, Any]]:
        """The document, and what the conversation remembers when the run begins."""
        remembered: dict[str, Any] = {}
        known = snapshots.find(run.snapshot_hash)
        if known is not None and not known.conversation_variables():
            return known, remembered
        async with unit_of_work() as session:
            snapshot = await flow_runs.pinned(session, run.snapshot_hash)
            if run.conversation_id and not run.seq and snapshot.conversation_variables():
                _, remembered = await leases.conversation_state(session, run.conversation_id)
        return snapshot, remembered

    async def _let_go(self, run_id: UUID) -> None:
        """A called run that nobody waits for was asked to stop: whoever drives it hears so at once."""
        self.sink.news(CANCELS, str(run_id))
        await ring(run_id)

    async def _rest(self, run: Claimed, journal: RunJournal) -> None:
        """Hold no worker while waiting; go on at once when what it waits for is already there."""
        async with unit_of_work() as session:
            released = await leases.release(session, run, waiting=True)
            wake = await journal.rest(session) or released.wanted
            if wake:
                await leases.wake(session, run.id)
        if wake:
            await ring(run.id)
        elif journal.asks_people:
            self.sink.news(ENDED, str(run.id))
        if released.crowded:
            await self._made_room(run.workspace_id)

    async def _after_end(self, run: Claimed, journal: RunJournal) -> None:
        self.sink.news(ENDED, journal.last_word())
        if not journal.settled:
            await settle(run.id)
        if journal.crowded:
            await self._made_room(run.workspace_id)

    async def _fail(self, run: Claimed, journal: RunJournal, error: ErrorValue) -> None:
        """End a run that nobody can drive on."""
        events = await journal.load(str(run.id))
        at = clock.now().isoformat()
        stopped: Event = {
            "type": "run.stopped",
            "outcome": "failed",
            "node": None,
            "message": "",
            "error": error,
        }
        ended: Event = {"type": "run.failed", "output": None, "error": error, "usage": {}}
        await journal.append(str(run.id), len(events), [{**stopped, "at": at}, {**ended, "at": at}])
        await self._after_end(run, journal)

    async def _give_back(self, run: Claimed) -> None:
        """This process stops: let another one have the run at once."""
        try:
            async with unit_of_work() as session:
                await leases.release(session, run, waiting=False)
            await ring(run.id)
        except (OperationalError, InterfaceError) as error:
            _log.warning("flow_run.not_given_back", run_id=str(run.id), error=type(error).__name__)


def crashed(attempts: int) -> ErrorValue:
    """The error of a run that took down its worker again and again."""
    return error_value(NodeError(ErrorKind.BUG, "run.crashed_repeatedly", attempts=attempts), None, attempts)


def unstorable(error: Unstorable) -> ErrorValue:
    """The error of a run that cannot record what it did or was given."""
    fault = NodeError(
        ErrorKind.INVALID_INPUT, error.code, path=error.path, reason=error.reason, limit=DEEPEST
    )
    return error_value(fault, error.node, 1)


async def ring(run_id: UUID) -> None:
    """Ring for a run. A bell that fails is no loss: the sweeper rings again."""
    try:
        await queue.dispatch(jobs.DRIVE_RUN, {"run_id": str(run_id)})
    except (RedisError, OSError) as error:
        _log.warning("flow_run.not_rung", run_id=str(run_id), error=type(error).__name__)


async def settle(run_id: UUID) -> None:
    """Let the parent and the next run of the conversation go on."""
    async with unit_of_work() as session:
        waiting = await leases.settle(session, run_id)
    for other in waiting:
        await ring(other)
