"""Takes runs in: what concurrent callers ask for is stored by one statement.

Whatever is not plain (a burst that is merged, a step that waits for a reply, a person who leads, a flow this process
has not met, an input of which parts stand beside the run) takes the long way of `chat.say` and `flow_runs.queue_stored`.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from app.core import jobs
from app.core.principal import Principal
from app.core.settings import get_settings
from app.errors import AppError, NotFound
from app.models.base import new_row
from app.models.flow_runs import FlowRun
from app.repositories import intake as rows
from app.repositories.flow_runs import RunnableFlows, is_pinned, remember_pinned
from app.repositories.grouping import Grouped
from app.repositories.intake import Head, New, Stored
from app.schemas.flow_runs import ChatRequest, StartRun
from app.services import chat, flow_runs, snapshots
from app.services.snapshots import Snapshot

_HEADS_LIMIT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Wish:
    """A run that somebody wants. `make` gives its rows, or None where it has to go the long way, or raises what
    forbids it. `announced` is told the run's id before the run can begin; it may be told another one later.
    """

    principal: Principal
    flow_id: UUID
    draft: bool
    make: Callable[[Snapshot], New | None]
    announced: Callable[[UUID], None]
    session_id: str | None = None

    @property
    def flow(self) -> tuple[UUID, UUID]:
        return self.principal.workspace_id, self.flow_id


@dataclass(frozen=True, slots=True)
class Taken:
    """A run that is stored now. The caller rings for it unless it is parked."""

    new: New
    stored: Stored


def message(principal: Principal, asked: ChatRequest, source: str, announced: Callable[[UUID], None]) -> Wish:
    """The wish of somebody who says something."""
    draft = flow_runs.wants_draft(principal, asked.draft)

    def make(snapshot: Snapshot) -> New | None:
        chat.check(asked)
        if snapshot.flow.settings.conversation.on_new_message != "queue":
            return None
        begun = chat.new_conversation(principal, asked, source)
        session_id = asked.session_id or str(begun.id)
        run = chat.new_run(principal, asked, source, (snapshot, None), begun.id, session_id)
        flow_runs.prepare(principal, run, snapshot, chat=True)
        said = chat.new_message(principal, asked, begun.id)
        said.run_id = run.id
        return New(run, draft, begun, said, asked.session_id) if rows.is_small(run) else None

    return Wish(principal, asked.flow_id, draft, make, announced, asked.session_id)


def start(
    principal: Principal,
    flow_id: UUID,
    asked: StartRun,
    source: str,
    stream: bool,
    announced: Callable[[UUID], None],
) -> Wish:
    """The wish of somebody who starts a run. `stream`: they want to see text while it comes."""
    draft = flow_runs.wants_draft(principal, asked.draft)

    def make(snapshot: Snapshot) -> New | None:
        if asked.conversation_id is not None:
            return None
        run = new_row(
            FlowRun,
            workspace_id=principal.workspace_id,
            flow_id=flow_id,
            snapshot_hash=snapshot.hash,
            trigger="",
            input=asked.input,
            simulate=asked.simulate,
            options={"stream": stream, "told": asked.wait},
            source=source,
        )
        flow_runs.prepare(principal, run, snapshot, chat=False)
        return New(run, draft) if rows.is_small(run) else None

    return Wish(principal, flow_id, draft, make, announced)


async def take(wish: Wish) -> Taken | None:
    """Store the run. None, and nothing stored, where it has to go the long way.

    Raises `NotFound` for a flow that is not there, and what forbids the run.
    """
    loop = asyncio.get_running_loop()
    return await _groups.setdefault(loop, Grouped(_take))(wish)


_groups: WeakKeyDictionary[asyncio.AbstractEventLoop, Grouped[Wish, Taken | None]] = WeakKeyDictionary()
# What flows were when this process last looked; the statement that stores a run finds out when one is no longer.
_heads: OrderedDict[tuple[str, UUID, UUID], Head] = OrderedDict()


async def ring(run_id: UUID) -> None:
    """Ring for a run that is stored. A bell that fails is no loss: the sweeper rings again."""
    await jobs.send(jobs.DRIVE_RUN, {"run_id": str(run_id)})


async def _take(batch: Sequence[Wish]) -> Sequence[Taken | Exception | None]:
    """What one caller's values make impossible is no matter of the others."""
    try:
        return await _take_together(batch)
    except (OperationalError, InterfaceError):
        raise
    except (DBAPIError, TypeError, ValueError) as error:
        if len(batch) == 1:
            return [error]
    return [(await _take([wish]))[0] for wish in batch]


async def _take_together(batch: Sequence[Wish]) -> Sequence[Taken | Exception | None]:
    answers: list[Taken | Exception | None] = [None] * len(batch)
    open_ = dict(enumerate(batch))
    seen: set[tuple[UUID, str]] = set()
    for place, wish in enumerate(batch):
        if wish.session_id is None:
            continue
        if (wish.flow_id, wish.session_id) in seen:
            del open_[place]  # its turn comes after the one before it
        seen.add((wish.flow_id, wish.session_id))
    await _look(list(open_.values()), fresh=False)
    left = {place: open_[place] for place in await _store(open_, answers)}
    if left:
        before = {place: _head(wish) for place, wish in left.items()}
        await _look(list(left.values()), fresh=True)
        # Whose flow is what it was has to go the long way for another reason.
        await _store({place: wish for place, wish in left.items() if _head(wish) != before[place]}, answers)
    return answers


async def _store(wishes: Mapping[int, Wish], answers: list[Taken | Exception | None]) -> list[int]:
    """Store what can be, and fill in `answers`. Returns the places of what was not stored."""
    made: dict[int, New] = {}
    for place, wish in wishes.items():
        try:
            new = await _make(wish)
        except AppError as error:
            answers[place] = error
            continue
        if new is not None:
            made[place] = new
            wish.announced(new.run.id)
    stored = await rows.store(list(made.values()))
    for place, new in made.items():
        if new.run.id in stored:
            answers[place] = Taken(new, stored[new.run.id])
    return [place for place in made if answers[place] is None]


async def _make(wish: Wish) -> New | None:
    head = _head(wish)
    if head is None:
        raise NotFound(RunnableFlows.missing, id=str(wish.flow_id))
    draft = wish.draft or head.published is None
    snapshot = snapshots.find(head.draft if draft else str(head.published))
    if snapshot is None:
        return None
    new = wish.make(snapshot)
    if new is not None and not is_pinned(snapshot.hash):
        await rows.pin(snapshot.hash, snapshot.document)
        remember_pinned(snapshot.hash)
    return new


def _head(wish: Wish) -> Head | None:
    return _heads.get((get_settings().database_url, *wish.flow))


async def _look(wishes: Sequence[Wish], *, fresh: bool) -> None:
    """Learn what the wanted flows are; with `fresh` of all of them again."""
    database = get_settings().database_url
    wanted = {wish.flow for wish in wishes}
    unknown = [each for each in wanted if fresh or (database, *each) not in _heads]
    if not unknown:
        return
    found = await rows.heads(unknown)
    for each in unknown:
        _heads.pop((database, *each), None)
        if each in found:
            _heads[database, *each] = found[each]
    while len(_heads) > _HEADS_LIMIT:
        _heads.popitem(last=False)
