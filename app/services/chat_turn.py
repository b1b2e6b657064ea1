"""One turn of a conversation: a message goes in, a run answers it, whoever asked hears the run and has the answer."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Final
from uuid import UUID

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.flows.events import LiveEvent
from app.realtime import follow as reading
from app.realtime.follow import Ended
from app.realtime.hub import Listener
from app.schemas.flow_runs import ChatAnswer, ChatRequest
from app.services import chat, flow_runs, intake, last_word
from app.services.chat import Said

# The word of a run's end comes right behind its last event.
_BEHIND_S: Final = 0.2


class Turn:
    """Made by `turn`; holds for as long as that is open."""

    def __init__(
        self, principal: Principal, said: Said, ended: Ended | None, joined: Listener | None
    ) -> None:
        self._principal, self.said, self._ended, self._joined = principal, said, ended, joined

    async def rest(self) -> None:
        """Until the run has ended or waits for somebody, or for as long as one waits for a run."""
        if self.said.run_id is not None and self._ended is not None:
            await flow_runs.rested(self.said.run_id, self._ended.event)

    async def events(self) -> AsyncGenerator[LiveEvent, None]:
        """`batches`, event by event."""
        async with aclosing(self.batches()) as found:
            async for batch in found:
                for event in batch:
                    yield event

    async def batches(self) -> AsyncGenerator[list[LiveEvent], None]:
        """The run's events from this message on, until it ends or waits for somebody."""
        if self.said.run_id is None:
            return
        found = flow_runs.batches(
            self._principal,
            self.said.run_id,
            self.said.events_before,
            until_rest=True,
            joined=self._joined,
        )
        async with aclosing(found):
            async for batch in found:
                yield batch
                if self._ended is not None and any(event["type"] in reading.LAST for event in batch):
                    await self._word()

    async def answer(self) -> ChatAnswer:
        """What came of the message so far."""
        told = last_word.answered(self._ended.told) if self._ended is not None and self._ended.told else None
        return await chat.answer(self._principal, self.said, told)

    async def _word(self) -> None:
        assert self._ended is not None  # noqa: S101 - asked by `events` alone
        try:
            async with asyncio.timeout(_BEHIND_S):
                await self._ended.event.wait()
        except TimeoutError:
            return


@asynccontextmanager
async def turn(principal: Principal, asked: ChatRequest, source: str) -> AsyncIterator[Turn]:
    """Say something. Raises what forbids it before anything is stored."""
    ends = await reading.ends()
    async with AsyncExitStack() as stack:
        expected: dict[UUID, Ended] = {}
        joining: dict[UUID, asyncio.Task[Listener | None]] = {}

        def expect(run_id: UUID) -> None:
            expected[run_id] = stack.enter_context(ends.expect(run_id))

        def announced(run_id: UUID) -> None:
            expect(run_id)
            if asked.stream:  # while the run is stored
                joining[run_id] = asyncio.create_task(stack.enter_async_context(reading.joined(run_id)))

        try:
            taken = await intake.take(intake.message(principal, asked, source, announced))
        finally:
            listeners = {run_id: await task for run_id, task in joining.items()}
        if taken is None:
            async with unit_of_work() as session:
                said = await chat.say(session, principal, asked, source)
                if said.run_id is not None:
                    expect(said.run_id)
            joined = None
        else:
            said = Said(taken.new.run.id, str(taken.new.run.input["session_id"]))
            joined = listeners.get(taken.new.run.id)
            if not taken.stored.parked:
                await intake.ring(taken.new.run.id)
        yield Turn(principal, said, expected.get(said.run_id) if said.run_id else None, joined)
