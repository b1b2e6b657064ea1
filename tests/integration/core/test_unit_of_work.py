"""One transaction: rows and jobs become real together, or not at all."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.core import db, jobs
from app.core.clock import held, now
from app.models.accounts import Workspace


class QueueAway(Exception):
    pass


class Queue:
    """What was sent; `away` makes it refuse."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.away = False

    async def send(self, name: str, payload: jobs.Payload) -> None:
        if self.away:
            raise QueueAway
        self.sent.append((name, dict(payload)))


@pytest.fixture
async def queue(product_environment: None) -> AsyncIterator[Queue]:
    queue = Queue()
    jobs.set_dispatcher(queue.send)
    yield queue
    jobs.set_dispatcher(None)
    await db.dispose()


async def count(table: Any) -> int:
    async with db.unit_of_work() as session:
        return int(await session.scalar(select(func.count()).select_from(table)) or 0)


async def test_a_job_is_sent_after_the_commit_and_forgotten(queue: Queue) -> None:
    async with db.unit_of_work() as session:
        session.add(Workspace(name="kept"))
        await jobs.enqueue(session, "index", {"id": "1"})
        assert queue.sent == []
    assert queue.sent == [("index", {"id": "1"})]
    assert (await count(Workspace), await count(jobs.job)) == (1, 0)


async def test_nothing_of_a_failed_transaction_is_kept_or_sent(queue: Queue) -> None:
    async def fails() -> None:
        async with db.unit_of_work() as session:
            session.add(Workspace(name="lost"))
            await jobs.enqueue(session, "index", {"id": "1"})
            raise QueueAway

    with pytest.raises(QueueAway):
        await fails()
    assert queue.sent == []
    assert (await count(Workspace), await count(jobs.job)) == (0, 0)


async def test_a_job_the_queue_did_not_take_is_sent_later(queue: Queue) -> None:
    queue.away = True
    async with db.unit_of_work() as session:
        await jobs.enqueue(session, "index", {"id": "1"})
        await jobs.enqueue(session, "bell", {}, durable=False)
    queue.away = False
    assert await jobs.send_overdue() == 0
    with held(now() + timedelta(seconds=11)):
        assert await jobs.send_overdue() == 1
    assert queue.sent == [("index", {"id": "1"})]
    assert await count(jobs.job) == 0


async def test_a_hook_that_fails_does_not_undo_the_work(queue: Queue) -> None:
    ran: list[str] = []

    async def fails() -> None:
        raise QueueAway

    async def works() -> None:
        ran.append("works")

    async with db.unit_of_work() as session:
        session.add(Workspace(name="kept"))
        db.after_commit(session, fails)
        db.after_commit(session, works)
    assert ran == ["works"]
    assert await count(Workspace) == 1
