"""Jobs by name, sent only after the transaction that asked for them is committed.

A durable job is a row of the outbox until the queue has it: what a crash kept back, the sweeper sends with
`send_overdue`. A job that is not durable is a mere bell for something the database already tells (a queued run).
Who carries jobs to a queue is set by the process with `set_dispatcher`; services know names alone.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import orjson
import structlog
from sqlalchemy import Column, DateTime, Index, Table, Text, Uuid, delete, insert, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from app.core import db
from app.core.clock import new_id, now

Payload = Mapping[str, Any]
Dispatcher = Callable[[str, Payload], Awaitable[None]]

DRIVE_RUN: Final = "drive_run"
_RETRY_AFTER = timedelta(seconds=10)

job = Table(
    "job",
    SQLModel.metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Index(None, "due_at"),
)

_dispatcher: Dispatcher | None = None
_log = structlog.get_logger()


def set_dispatcher(dispatcher: Dispatcher | None) -> None:
    """Name the function that puts a job into this process's queue client."""
    global _dispatcher
    _dispatcher = dispatcher


async def enqueue(session: AsyncSession, name: str, payload: Payload, *, durable: bool = True) -> None:
    """Send the job `name` after the commit. `payload` holds JSON values."""
    job_id = None
    if durable:
        job_id = new_id()
        await session.execute(
            insert(job).values(
                id=job_id,
                name=name,
                payload=orjson.dumps(dict(payload)).decode(),
                due_at=now() + _RETRY_AFTER,
            )
        )
    db.after_commit(session, lambda: _send(job_id, name, payload))


async def send(name: str, payload: Payload) -> None:
    """Send a job that is not durable at once: a bell for rows that are committed. Never raises."""
    try:
        await _send(None, name, payload)
    except Exception:
        _log.exception("job.not_sent", job=name)


async def send_overdue() -> int:
    """Send durable jobs a crash kept back. Returns how many were sent. Safe to run in several processes."""
    async with db.unit_of_work() as session:
        overdue = await session.execute(
            update(job)
            .where(job.c.due_at <= now())
            .values(due_at=now() + _RETRY_AFTER)
            .returning(job.c.id, job.c.name, job.c.payload)
        )
        rows = overdue.all()
    for job_id, name, payload in rows:
        await _send(job_id, name, orjson.loads(payload))
    return len(rows)


async def _send(job_id: UUID | None, name: str, payload: Payload) -> None:
    if _dispatcher is None:
        _log.warning("job.no_dispatcher", job=name)
        return
    await _dispatcher(name, payload)
    if job_id is not None:
        async with db.unit_of_work() as session:
            await session.execute(delete(job).where(job.c.id == job_id))
