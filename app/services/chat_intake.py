"""Takes chat messages in: what concurrent callers say goes into one transaction.

Whatever is not plain (a burst that is merged, a step that waits for a reply, a person who leads) takes the long way
of `chat.say`.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncSession

from app.core import jobs
from app.core.db import unit_of_work
from app.core.principal import Principal
from app.errors import AppError, NotFound
from app.repositories import chat_intake as rows
from app.repositories.chat_intake import Head, Known, Taken
from app.repositories.flow_runs import RunnableFlows, pin
from app.repositories.grouping import Grouped
from app.schemas.flow_runs import ChatRequest
from app.services import chat, flow_runs, snapshots
from app.services.chat import Said
from app.services.snapshots import Snapshot


@dataclass(frozen=True, slots=True)
class Wish:
    """`announced` is told the run's id before the run can begin."""

    principal: Principal
    asked: ChatRequest
    source: str
    announced: Callable[[UUID], None]

    @property
    def key(self) -> tuple[UUID, str] | None:
        session_id = self.asked.session_id
        return None if session_id is None else (self.asked.flow_id, session_id)


async def take(wish: Wish) -> Said | None:
    """Store the message and queue its run. None, and nothing stored, where it has to go the long way.

    The caller rings for the run. Raises what `chat.say` raises.
    """
    loop = asyncio.get_running_loop()
    return await _groups.setdefault(loop, Grouped(_take))(wish)


_groups: WeakKeyDictionary[asyncio.AbstractEventLoop, Grouped[Wish, Said | None]] = WeakKeyDictionary()


async def ring(run_id: UUID) -> None:
    """Ring for a run that is stored. A bell that fails is no loss: the sweeper rings again."""
    await jobs.send(jobs.DRIVE_RUN, {"run_id": str(run_id)})


async def _take(batch: Sequence[Wish]) -> Sequence[Said | Exception | None]:
    async with unit_of_work() as session:
        return await _store(session, batch)


async def _store(session: AsyncSession, batch: Sequence[Wish]) -> Sequence[Said | Exception | None]:
    heads = await rows.heads(session, [(wish.principal.workspace_id, wish.asked.flow_id) for wish in batch])
    known = await rows.lock(
        session, [(wish.principal.workspace_id, *wish.key) for wish in batch if wish.key is not None]
    )
    answers: list[Said | Exception | None] = [None] * len(batch)
    taken: dict[int, Taken] = {}
    seen: set[tuple[UUID, str]] = set()
    for place, wish in enumerate(batch):
        if wish.key is not None:
            if wish.key in seen:
                continue  # its turn comes after the one before it
            seen.add(wish.key)
        try:
            ready = _ready(wish, heads.get(place), known.get(wish.key) if wish.key else None)
        except AppError as error:
            answers[place] = error
            continue
        if ready is not None:
            snapshot, taken[place] = ready
            await pin(session, snapshot.hash, snapshot.document)
            wish.announced(taken[place].run.id)
    stored = await rows.store(session, list(taken.values()))
    for place, item in taken.items():
        if item.run.id in stored:
            session_id = str(item.run.input["session_id"])
            answers[place] = Said(item.run.id, session_id, parked=item.run.parked)
    return answers


def _ready(wish: Wish, head: Head | None, known: Known | None) -> tuple[Snapshot, Taken] | None:
    """The rows of a plain message. None for the long way; raises what forbids the run."""
    principal, asked = wish.principal, wish.asked
    if head is None:
        raise NotFound(RunnableFlows.missing, id=str(asked.flow_id))
    if known is not None and not known.plain:
        return None
    draft = flow_runs.wants_draft(principal, asked.draft) or head.published is None
    snapshot = snapshots.find(head.draft if draft else str(head.published))
    if snapshot is None or snapshot.flow.settings.conversation.on_new_message != "queue":
        return None
    begun = chat.new_conversation(principal, asked, wish.source)
    conversation_id = begun.id if known is None else known.id
    session_id = asked.session_id or str(conversation_id)
    pinned = snapshot, None if draft else head.version
    run = chat.new_run(principal, asked, wish.source, pinned, conversation_id, session_id)
    flow_runs.prepare(principal, run, snapshot, chat=True)
    run.parked = head.crowded
    message = chat.new_message(principal, asked, conversation_id)
    message.run_id = run.id
    return snapshot, Taken(run, message, begun if known is None else None)
