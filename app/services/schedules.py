"""Flows that start by the clock: known from their publication on, fired once however many processes look."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import new_id, now
from app.core.ids import WorkspaceId
from app.errors import Invalid
from app.flows.schedule import BadCron, missed, next_moment
from app.models.flow_runs import FlowRun
from app.models.flow_schedules import FlowSchedule
from app.repositories import database_clock, flow_schedules
from app.repositories.flow_runs import RunnableFlows
from app.services import flow_runs, snapshots
from app.services.snapshots import Snapshot

_TYPE: Final = "trigger.schedule"
# A tick that is only this late is no missed one.
_LATE_S: Final = 60.0
_log = structlog.get_logger()


class UnusableCron(Invalid):
    code = "schedule.bad_cron"


class UnknownZone(Invalid):
    code = "time.unknown_zone"


def coming(cron: str, timezone: str, count: int) -> list[datetime]:
    """The next moments of an expression, with the zone's own offset. Raises `UnusableCron`, `UnknownZone`."""
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnknownZone(path="query.timezone", zone=timezone) from None
    found: list[datetime] = []
    try:
        while len(found) < count:
            found.append(next_moment(cron, zone, found[-1] if found else now()).astimezone(zone))
    except BadCron as error:
        raise UnusableCron(path="query.cron", reason=str(error)) from None
    return found


async def publish(
    session: AsyncSession, workspace_id: WorkspaceId, flow_id: UUID, version: int, snapshot: Snapshot
) -> None:
    """Know the schedules of a flow's new version instead of those of the old one.

    A schedule that did not change keeps its next moment, so publishing moves no run.
    """
    before = {row.node: row for row in await flow_schedules.of_flow(session, flow_id)}
    for node in snapshot.flow.nodes:
        if node.type != _TYPE or not node.enabled:
            continue
        cron, zone = str(node.params.get("cron", "")), str(node.params.get("timezone", "UTC"))
        row = before.pop(node.id, None)
        if row is None:
            row = FlowSchedule(
                id=new_id(),
                workspace_id=workspace_id,
                flow_id=flow_id,
                version=version,
                node=node.id,
                cron="",
            )
            session.add(row)
        if (row.cron, row.timezone) != (cron, zone):
            row.next_at = next_moment(cron, ZoneInfo(zone), await database_clock.moment(session))
        row.cron, row.timezone, row.version = cron, zone, version
        row.catch_up = str(node.params.get("catch_up", "none"))
    for row in before.values():
        await session.delete(row)


async def forget(session: AsyncSession, flow_id: UUID) -> None:
    """A flow that was put away starts no more."""
    for row in await flow_schedules.of_flow(session, flow_id):
        await session.delete(row)


async def fire(session: AsyncSession, limit: int = 100) -> int:
    """Queue the runs of schedules that are due. Rows another process looks at are passed over. Returns how many fired."""
    rows = await flow_schedules.due(session, limit)
    if not rows:
        return 0
    at = await database_clock.moment(session)
    for row in rows:
        zone = ZoneInfo(row.timezone)
        for moment in _moments(row, zone, at):
            await _queue(session, row, moment)
        try:
            row.next_at = next_moment(row.cron, zone, at)
        except BadCron:
            _log.warning("schedule.never_again", flow_id=str(row.flow_id), node=row.node)
            await session.delete(row)
    return len(rows)


def _moments(row: FlowSchedule, zone: ZoneInfo, at: datetime) -> list[datetime]:
    """Which of the moments that passed are made up for."""
    passed = missed(row.cron, zone, row.next_at, at)
    if row.catch_up == "all":
        return passed
    newest = passed[-1]
    on_time = (at - newest).total_seconds() <= _LATE_S
    return [newest] if row.catch_up == "one" or on_time else []


async def _queue(session: AsyncSession, row: FlowSchedule, moment: datetime) -> None:
    """The id follows from the moment: it fires once, whoever fires it."""
    flows = RunnableFlows(session, WorkspaceId(row.workspace_id))
    runnable = await flows.version(row.flow_id, row.version)
    snapshot = snapshots.of(runnable.document, runnable.semantic_hash)
    given: Mapping[str, Any] = {"due_at": moment.isoformat()}
    run = FlowRun(
        id=uuid5(row.flow_id, f"schedule:{row.node}:{moment.isoformat()}"),
        workspace_id=row.workspace_id,
        flow_id=row.flow_id,
        version=row.version,
        snapshot_hash=runnable.semantic_hash,
        trigger=row.node,
        input=dict(given),
        options={},
        source="schedule",
    )
    await flow_runs.queue_once(session, run, snapshot)
