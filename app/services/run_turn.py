"""A run that somebody asks for and, if they want, waits for: stored, rung for, told of when it ends."""

from contextlib import ExitStack
from uuid import UUID

from app.core.principal import Principal
from app.realtime import follow as reading
from app.realtime.follow import Ended
from app.schemas.flow_runs import RunView, StartRun
from app.services import flow_runs, intake, last_word


async def run(principal: Principal, flow_id: UUID, asked: StartRun, source: str, *, stream: bool) -> RunView:
    """Start a run of a stored flow. With `asked.wait` it is answered as it ended, or as it is when it waits for
    somebody or takes long.

    `stream`: someone wants to see text while it comes. Raises `NotFound`, `FlowHasProblems`, `InputRefused`.
    """
    ends = await reading.ends()
    with ExitStack() as stack:
        expected: dict[UUID, Ended] = {}

        def announced(run_id: UUID) -> None:
            expected[run_id] = stack.enter_context(ends.expect(run_id))

        taken = await intake.take(intake.start(principal, flow_id, asked, source, stream, announced))
        if taken is not None:
            row = taken.new.run
            if not taken.stored.parked:
                await intake.ring(row.id)
            if not asked.wait:
                return flow_runs.run_view(last_word.ended(row, taken.stored, b""), principal.locale)
            ended = expected[row.id]
            await flow_runs.rested(row.id, ended.event)
            if not ended.told:
                return await flow_runs.get(principal, row.id)
            return flow_runs.run_view(last_word.ended(row, taken.stored, ended.told), principal.locale)
    return await flow_runs.start(
        principal,
        lambda session: flow_runs.queue_stored(session, principal, flow_id, asked, source, stream=stream),
        asked.wait,
    )
