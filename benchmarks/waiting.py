"""A hundred thousand runs that wait: what they cost while they do, and how soon those are woken that fall due."""

import asyncio
import time
from uuid import uuid4

from benchmarks import documents
from benchmarks.client import Client
from benchmarks.measure import Failed, Parts, Samples, idle, memory_mb
from benchmarks.rows import Connection, copy, database, number, settle

_MANY = 100_000
_DRIVEN = 2_000
_FEW = 20
_CALLERS = 10
_BURST = 1_000
_IDLE_S = 20.0
_FAR_S = 30 * 86_400
_TABLES = ("flow_run", "flow_run_event", "flow_wait", "flow_signal")


async def measure(client: Client, parts: Parts, database_url: str, found: Samples, scale: float) -> None:
    """`scale` is for trying this out: the share of the runs that is made."""
    flow_id = await client.store(documents.waiting())
    with database(database_url) as connection:
        await _start(client, flow_id, 200, 0.5)  # everything that is done for the first time
        await _until_waiting(connection, 0)
        before_mb, before = memory_mb(parts["worker"]), await idle(parts, _IDLE_S)
        began = time.perf_counter()
        driven = round(_DRIVEN * scale)
        await _start(client, flow_id, driven, _FAR_S)
        await _until_waiting(connection, driven)
        found.add("waiting.driven_per_s", driven / (time.perf_counter() - began))
        await asyncio.to_thread(_fill, connection, round(_MANY * scale))
        held = number(connection, "SELECT count(*) FROM flow_run WHERE status = 'waiting'")
        during = await idle(parts, _IDLE_S)
        found.add("waiting.held", held)
        found.add("waiting.memory", memory_mb(parts["worker"]) - before_mb)
        found.add("waiting.before", sum(before.values()))
        found.add("waiting.cpu", sum(during.values()))
        found.add("waiting.more_cpu", max(sum(during.values()) - sum(before.values()), 0.0))
        for part in parts:
            found.add(f"waiting.before.{part}", before[part])
            found.add(f"waiting.cpu.{part}", during[part])
        await _few(client, flow_id, connection, found)
        await _burst(connection, found, round(_BURST * scale))


async def _start(client: Client, flow_id: str, count: int, seconds: float) -> None:
    async def some(mine: int) -> None:
        for _ in range(mine):
            body = {"input": {"name": "Ann", "seconds": seconds}, "wait": False}
            await client.post(f"/api/flows/{flow_id}/runs", body)

    await asyncio.gather(*(some(count // _CALLERS) for _ in range(_CALLERS)))


async def _until_waiting(connection: Connection, count: int) -> None:
    """So many runs wait and no other is under way."""
    deadline = time.monotonic() + 300
    query = """
    SELECT count(*) FILTER (WHERE status = 'waiting') - %s + count(*) FILTER (WHERE status IN ('queued', 'running'))
      * 1000000 FROM flow_run
    """
    while number(connection, query, count):
        if time.monotonic() > deadline:
            raise Failed("the runs did not come to rest")
        await asyncio.sleep(0.1)


def _fill(connection: Connection, many: int) -> None:
    """Copies of one of the runs that wait, due over the next thirty days."""
    missing = many - int(number(connection, "SELECT count(*) FROM flow_run WHERE status = 'waiting'"))
    connection.execute("DROP TABLE IF EXISTS fresh")
    connection.execute(
        "CREATE TEMP TABLE fresh AS SELECT n, uuidv7() AS run_id, (SELECT id FROM flow_run WHERE status = 'waiting' "
        "LIMIT 1) AS old_id FROM generate_series(1, %s) AS n",
        [missing],
    )
    connection.execute("ANALYZE fresh")
    copy(
        connection,
        "flow_run",
        {"id": "run_id", "created_at": "clock_timestamp()"},
        "flow_run AS old JOIN fresh ON old.id = old_id",
    )
    copy(
        connection,
        "flow_run_event",
        {"run_id": "fresh.run_id"},
        "flow_run_event AS old JOIN fresh ON old.run_id = old_id",
    )
    copy(
        connection,
        "flow_wait",
        {
            "id": "gen_random_uuid()",
            "run_id": "fresh.run_id",
            "due_at": f"now() + interval '1 hour' + make_interval(secs => random() * {_FAR_S})",
        },
        "flow_wait AS old JOIN fresh ON old.run_id = old_id",
    )
    settle(connection, *_TABLES)


async def _few(client: Client, flow_id: str, connection: Connection, found: Samples) -> None:
    """Some that really were driven and fall due among all the others."""
    name = f"few {uuid4()}"
    for each in range(_FEW):
        body = {"input": {"name": name, "seconds": 2 + each * 0.23}, "wait": False}
        await client.post(f"/api/flows/{flow_id}/runs", body)
    chosen = "run.input->>'name' = %s"
    await _until_ended(connection, chosen, name, _FEW)
    for label, share in (("waiting.few.p50", 0.5), ("waiting.few.max", 1.0)):
        found.add(label, number(connection, _LATE.format(share=share, chosen=chosen), name))


async def _burst(connection: Connection, found: Samples, many: int) -> None:
    """Many that fall due at one moment."""
    connection.execute(
        "CREATE TEMP TABLE burst AS SELECT run_id FROM flow_wait WHERE NOT closed AND due_at > now() LIMIT %s",
        [many],
    )
    connection.execute(
        "UPDATE flow_wait SET due_at = now() + interval '3 seconds' WHERE run_id IN (SELECT run_id FROM burst)"
    )
    chosen = "run.id IN (SELECT run_id FROM burst) AND %s::text IS NOT NULL"
    await _until_ended(connection, chosen, "", many)
    found.add("waiting.burst.max", number(connection, _LATE.format(share=1.0, chosen=chosen), ""))


# From the moment it was due until the run's end was stored: by the database's clock alone.
_LATE = """
SELECT percentile_cont({share}) WITHIN GROUP (ORDER BY extract(epoch FROM run.ended_at - wait.due_at))
FROM flow_run AS run JOIN flow_wait AS wait ON wait.run_id = run.id WHERE {chosen}
"""


async def _until_ended(connection: Connection, chosen: str, value: str, count: int) -> None:
    deadline = time.monotonic() + 300
    query = f"SELECT count(*) FROM flow_run AS run WHERE run.status = 'succeeded' AND {chosen}"
    while number(connection, query, value) < count:
        if time.monotonic() > deadline:
            raise Failed("runs that were due did not end")
        await asyncio.sleep(0.5)
