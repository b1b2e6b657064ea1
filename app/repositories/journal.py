"""Writes run journals: many runs' appends in one transaction, each all or nothing, each fenced by its lease.

One append is the events, the run's row, its messages, its conversation's state and the sub-runs it starts. An
append whose lease or number is no longer right changes nothing and raises `Fenced` for its caller alone.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from app.core.clock import now
from app.core.db import unit_of_work
from app.core.statements import at_once
from app.flows.drive import Fenced
from app.flows.large_values import dumps
from app.models.base import new_row
from app.models.conversations import Message
from app.models.flow_runs import FlowRunEvent
from app.repositories import appends, blobs, leases, spending, waits
from app.repositories.appends import Append
from app.repositories.blobs import Beside
from app.repositories.flow_runs import insert_once
from app.repositories.grouping import Grouped
from app.repositories.refusals import refusal, too_much

_log = structlog.get_logger()
_PATIENCE_S = 30.0
# One statement, so that a plain append is a transaction of one round trip. It holds the runs, then their conversations
# until the commit, so that nobody takes over between the look and the word. A conversation comes once in a batch.
# To a bare `status = 'running'` the planner would take the index of running runs, which is full of dead entries. The
# lists of ids keep a plan good that was made while the tables were empty.
_APPEND = text("""
WITH item AS (
  SELECT * FROM json_to_recordset(CAST(:items AS json)) AS item(
    id uuid, owner text, before int, after int, status text, output json, error json, usage json, messages json,
    conversation_id uuid, state json, frees boolean
  )
), held AS (
  SELECT item.* FROM item JOIN flow_run AS run
    ON run.id = item.id AND run.seq = item.before AND run.lease_owner = item.owner AND run.status || '' = 'running'
  WHERE run.id = ANY(CAST(:ids AS uuid[]))
  FOR NO KEY UPDATE OF run
), told AS (
  UPDATE conversation SET updated_at = now(),
    state = CASE WHEN held.state IS NULL THEN conversation.state
      ELSE CAST(CAST(conversation.state AS jsonb) || CAST(held.state AS jsonb) AS json) END
  FROM held
  WHERE conversation.id = held.conversation_id AND conversation.id = ANY(CAST(:conversations AS uuid[]))
  RETURNING conversation.id, conversation.taken_over_at IS NOT NULL AND held.frees IS NOT TRUE AS led
), moved AS (
  UPDATE flow_run AS run SET
    seq = held.after,
    attempts = 0,
    messages = CASE WHEN told.led THEN run.messages ELSE coalesce(held.messages, run.messages) END,
    status = coalesce(held.status, run.status),
    output = held.output,
    error = held.error,
    usage = CASE WHEN held.status IS NULL THEN run.usage WHEN run.usage IS NULL THEN held.usage
      -- calls that outlived their steps were counted before the end
      ELSE CAST(CAST(held.usage AS jsonb) || jsonb_build_object(
        'prompt_tokens', coalesce(CAST(held.usage->>'prompt_tokens' AS bigint), 0)
          + CAST(run.usage->>'prompt_tokens' AS bigint),
        'completion_tokens', coalesce(CAST(held.usage->>'completion_tokens' AS bigint), 0)
          + CAST(run.usage->>'completion_tokens' AS bigint),
        'cost_usd', coalesce(CAST(held.usage->>'cost_usd' AS float8), 0) + CAST(run.usage->>'cost_usd' AS float8)
      ) AS json) END,
    ended_at = CASE WHEN held.status IS NULL THEN NULL ELSE clock_timestamp() END,
    lease_until = CASE WHEN held.status IS NULL THEN run.lease_until END,
    settled = held.status IS NOT NULL AND run.parent_run_id IS NULL AND NOT EXISTS (
      SELECT FROM flow_run AS next
      WHERE next.conversation_id = run.conversation_id AND next.status = 'queued'
    )
  FROM held LEFT JOIN told ON told.id = held.conversation_id
  WHERE run.id = held.id AND run.id = ANY(CAST(:ids AS uuid[]))
  RETURNING run.id, run.settled, run.workspace_id, run.ended_at, coalesce(told.led, false) AS led
), stored AS (
  INSERT INTO flow_run_event (run_id, seq, event)
  SELECT event.run_id, event.seq, event.event
  FROM json_to_recordset(CAST(:events AS json)) AS event(run_id uuid, seq int, event json)
  WHERE event.run_id IN (SELECT id FROM moved)
), said AS (
  INSERT INTO message
  SELECT said.* FROM json_populate_recordset(CAST(NULL AS message), CAST(:messages AS json)) AS said
  JOIN told ON told.id = said.conversation_id AND NOT told.led
  ON CONFLICT DO NOTHING
)
SELECT id, settled, led, ended_at, ended_at IS NOT NULL AND EXISTS (
  SELECT FROM flow_run AS other WHERE other.workspace_id = moved.workspace_id AND other.parked
) AS crowded
FROM moved
""")
_BEGIN = text("INSERT INTO flow_run_event (run_id, seq, event) VALUES (:run_id, :seq, CAST(:event AS json))")
_WRITTEN_BEFORE = text("""
SELECT run.id, run.settled
FROM json_to_recordset(CAST(:items AS json)) AS item(id uuid, owner text, after int)
JOIN flow_run AS run ON run.id = item.id AND run.lease_owner = item.owner AND run.seq = item.after
""")


@dataclass(frozen=True, slots=True)
class Written:
    """`settled`: everybody who waits for the run's end is told. `silenced`: a person leads the conversation, so what
    this append wanted to say was not said. `crowded`: with this run's end a parked one of its workspace may begin.
    `cancelled` are called runs that shall stop, `used` hashes of the large values of this append, `ended_at` the
    moment at which the run ended with it, where this try is known to have written it.
    """

    settled: bool
    silenced: bool = False
    crowded: bool = False
    cancelled: Sequence[UUID] = ()
    used: frozenset[str] = frozenset()
    ended_at: datetime | None = None


class JournalWriter:
    """One writer a process."""

    def __init__(self) -> None:
        self.append: Grouped[Append, Written] = Grouped(self._write)

    async def _write(self, batch: Sequence[Append]) -> Sequence[Written | Exception]:
        """Try until the database answers, for as long as a lease could be worth it."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE_S
        pause_s, again = 0.05, False
        while True:
            try:
                return await self._once(batch, again)
            except (OperationalError, InterfaceError) as error:
                if too_much(error):
                    return await self._apart(batch, error)
                if asyncio.get_running_loop().time() > deadline:
                    return [error] * len(batch)
                _log.warning("journal.database_unavailable", runs=len(batch))
                await asyncio.sleep(pause_s)
                pause_s, again = min(pause_s * 2, 1.0), True
            except (DBAPIError, TypeError, ValueError, RecursionError) as error:
                return await self._apart(batch, error)

    async def _apart(self, batch: Sequence[Append], error: Exception) -> Sequence[Written | Exception]:
        """What one run makes impossible harms no other."""
        if len(batch) == 1:
            return [refusal(batch[0], error)]
        return [(await self._write([item]))[0] for item in batch]

    async def _once(self, batch: Sequence[Append], again: bool) -> Sequence[Written | Exception]:
        """One transaction. `again`: an earlier try may have been committed although its answer was lost."""
        batch = sorted(batch, key=lambda item: item.run_id) if len(batch) > 1 else batch
        if not again and all(item.plain for item in batch):
            beside = Beside()
            rounds = [_values(turn, beside) for turn in _turns(batch)]
            if len(rounds) == 1 and not beside:
                return _answers(batch, _done(await at_once(_APPEND, rounds[0])))
        done: dict[UUID, Written] = {}
        async with unit_of_work() as session:
            if again:
                found = await session.execute(_WRITTEN_BEFORE, {"items": appends.items(batch, Beside())})
                done = {row.id: Written(row.settled) for row in found}
            for turn in _turns([item for item in batch if item.run_id not in done]):
                done |= await _store(session, turn)
        return _answers(batch, done)


async def load_events(session: AsyncSession, run_id: UUID) -> list[Any]:
    """The stored journal of one run, in order, its values whole."""
    rows = await session.scalars(
        select(col(FlowRunEvent.event))
        .where(col(FlowRunEvent.run_id) == run_id)
        .order_by(col(FlowRunEvent.seq))
    )
    events = list(rows)
    await blobs.fill_events(session, run_id, events)
    return events


async def begin_with(session: AsyncSession, run_id: UUID, events: Sequence[Mapping[str, Any]]) -> None:
    """Give a new run, whose row is there, the beginning of its journal."""
    beside = Beside()
    rows = [
        {"run_id": run_id, "seq": seq, "event": _json(appends.small(run_id, event, beside, frozenset()))}
        for seq, event in enumerate(events, 1)
    ]
    if rows:
        await session.execute(_BEGIN, rows)
    await beside.store(session, [run_id])


def _turns(batch: Sequence[Append]) -> list[list[Append]]:
    """The batch in parts, in each of which a conversation hears one run."""
    turns: list[list[Append]] = []
    spoken: list[set[UUID]] = []
    for item in batch:
        place = next((n for n, heard in enumerate(spoken) if item.speaks_in not in heard), len(turns))
        if place == len(turns):
            turns.append([])
            spoken.append(set())
        turns[place].append(item)
        if item.speaks_in is not None:
            spoken[place].add(item.speaks_in)
    return turns


def _values(batch: Sequence[Append], beside: Beside) -> dict[str, Any]:
    return {
        "ids": [item.run_id for item in batch],
        "conversations": [item.speaks_in for item in batch if item.speaks_in is not None],
        "items": appends.items(batch, beside),
        "events": appends.events(batch, beside),
        "messages": appends.messages(batch),
    }


def _done(rows: Iterable[Any]) -> dict[UUID, Written]:
    return {
        row.id: Written(row.settled, silenced=row.led, crowded=row.crowded, ended_at=row.ended_at)
        for row in rows
    }


def _answers(batch: Sequence[Append], done: Mapping[UUID, Written]) -> list[Written | Exception]:
    return [done[item.run_id] if item.run_id in done else Fenced(str(item.run_id)) for item in batch]


async def _store(session: AsyncSession, batch: Sequence[Append]) -> dict[UUID, Written]:
    beside = Beside()
    done = _done(await session.execute(_APPEND, _values(batch, beside)))
    stored = [item for item in batch if item.run_id in done]
    if beside:
        await beside.store(session, done)
        for item in stored:
            used = frozenset(beside.used.get(item.run_id, ()))
            done[item.run_id] = replace(done[item.run_id], used=used)
    for item in stored:
        for row in item.sub_runs:
            await insert_once(session, row)
        await _store_waits(session, item)
        cancelled = [
            each for step in item.parts for each in await leases.cancel_parts(session, item.run_id, *step)
        ]
        if item.callees:
            cancelled += await waits.cancel_callees(session, item.callees)
        if cancelled:
            done[item.run_id] = replace(done[item.run_id], cancelled=cancelled)
    spent = [each for item in stored for each in item.spent]
    if spent:
        await spending.add(session, spent)
    return done


async def _store_waits(session: AsyncSession, item: Append) -> None:
    if item.done or item.used or (item.end is not None and item.waited):
        await waits.close(session, item.run_id, item.done, item.used, item.end is not None)
    if item.gone:
        await waits.give_up(session, item.run_id, item.gone)
    if item.waits:
        await waits.open_waits(session, item.waits)
    if item.frees and item.conversation_id:
        await waits.give_back(session, item.conversation_id)
    if item.holds and item.conversation_id:
        await waits.take_over(session, item.conversation_id, "")


def _json(value: Any) -> str:
    return dumps(value).decode()


def message_row(workspace_id: UUID, conversation_id: UUID, run_id: UUID, **said: Any) -> Message:
    """An assistant's message as a row."""
    return new_row(
        Message,
        workspace_id=workspace_id,
        conversation_id=conversation_id,
        run_id=run_id,
        role="assistant",
        created_at=now(),
        **said,
    )
