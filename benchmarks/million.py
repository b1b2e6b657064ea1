"""A database with a million finished runs beside an empty one: chats on both in turn, and what pages ask of them."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from benchmarks import documents
from benchmarks.client import ASK
from benchmarks.measure import Samples, alone, percentile
from benchmarks.product import Product
from benchmarks.report import times_table
from benchmarks.rounds import chats
from benchmarks.rows import Connection, copy, database, number, settle

_MANY = 1_000_000
_BATCH = 100_000
_FLOWS = 20
_RUNS_A_CONVERSATION = 4
_DAYS = 365
_TABLES = ("flow_run", "flow_run_event", "conversation", "message")
# Every fiftieth failed, every thousandth was cancelled.
_STATUS = "CASE WHEN n % 50 = 7 THEN 'failed' WHEN n % 1000 = 1 THEN 'cancelled' ELSE 'succeeded' END"
_ERROR = """CASE WHEN n % 50 = 7 THEN json_build_object('kind', 'upstream', 'code', 'http.refused', 'message', '',
  'retryable', true, 'attempts', 3, 'node', 'answer', 'context', json_build_object('status', 503)) END"""
_FRESH = """
CREATE TEMP TABLE fresh AS SELECT *, first_value(run_id) OVER (PARTITION BY block, flow_id ORDER BY n) AS talk
FROM (
  SELECT n, n / (%(flows)s * %(runs)s) AS block, at, flows[1 + mod(n, %(flows)s)] AS flow_id,
    uuidv7(at - now()) AS run_id, uuidv7(at - now()) AS asked_id, gen_random_uuid() AS said_id
  FROM (
    SELECT n, now() - make_interval(secs => %(days)s * 86400.0 * (1 - n / %(many)s::float)) AS at
    FROM generate_series(%(first)s, %(last)s) AS n
  ) AS moment, (SELECT CAST(%(ids)s AS uuid[]) AS flows) AS chosen
) AS one
"""


async def measure(empty: Product, full: Product, rounds: int, found: Samples, scale: float) -> None:
    """`scale` is for trying this out: the share of the rows that is made."""
    sides = {"empty": empty, "million": full}
    flows = {}
    for name, each in sides.items():
        flows[name] = [await each.client.store(documents.chat("demo/bench")) for _ in range(_FLOWS)]
        await _chat(each, flows[name][0])
    began = time.perf_counter()
    await asyncio.to_thread(_fill, full.database_url, flows["million"], round(_MANY * scale))
    print(f"filled in {time.perf_counter() - began:.0f} s", flush=True)
    for name, each in sides.items():  # everything that is done for the first time
        await chats(each.client, each.parts(), flows[name][0], Samples(), name)
    for _ in range(rounds):
        for name, each in sides.items():
            await chats(each.client, each.parts(), flows[name][0], found, name)
    found.add("million.times", found.spread("million.cpu_ms").median / found.spread("empty.cpu_ms").median)
    for name, each in sides.items():
        await _reads(each, flows[name][0], name, found)


def reads_table(found: Samples) -> str:
    if "million.times" not in found:
        return ""
    return times_table("what pages ask, p50 in ms", ("empty", "million"), tuple(_PAGES), found)


async def _chat(where: Product, flow_id: str) -> Any:
    return await where.client.post("/api/chat", {"message": ASK, "flow_id": flow_id})


def _fill(url: str, flows: list[str], many: int) -> None:
    with database(url) as connection:
        # Rows that point at each other come in whatever order is quickest.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET synchronous_commit = off")
        model = connection.execute(
            "SELECT id, conversation_id FROM flow_run WHERE status = 'succeeded'"
        ).fetchone()
        if model is None:
            raise LookupError("no run to copy")
        for first in range(1, many + 1, _BATCH):
            last = min(first + _BATCH - 1, many)
            _batch(connection, UUID(str(model[0])), UUID(str(model[1])), flows, many, first, last)
        settle(connection, *_TABLES)


def _batch(
    connection: Connection, run: UUID, conversation: UUID, flows: list[str], many: int, first: int, last: int
) -> None:
    """Copies of one chat run with its conversation, its journal and its messages."""
    connection.execute("DROP TABLE IF EXISTS fresh")
    sizes = {"many": many, "days": _DAYS, "flows": _FLOWS, "runs": _RUNS_A_CONVERSATION}
    connection.execute(_FRESH, {**sizes, "first": first, "last": last, "ids": flows})
    connection.execute("ANALYZE fresh")
    old_run, old_talk = f"WHERE old.id = '{run}'", f"WHERE old.id = '{conversation}'"
    copy(
        connection,
        "conversation",
        {
            "id": "run_id", "created_at": "at", "updated_at": "at", "flow_id": "fresh.flow_id",
            "session_id": "run_id::text",
        },
        f"conversation AS old, fresh {old_talk} AND talk = run_id ORDER BY n",
    )  # fmt: skip
    copy(
        connection,
        "flow_run",
        {
            "id": "run_id", "created_at": "at", "rung_at": "at", "started_at": "at + interval '4 ms'",
            "ended_at": "at + interval '11 ms'", "flow_id": "fresh.flow_id", "conversation_id": "talk",
            "status": _STATUS, "error": _ERROR,
        },
        f"flow_run AS old, fresh {old_run} ORDER BY n",
    )  # fmt: skip
    copy(
        connection,
        "flow_run_event",
        {"run_id": "fresh.run_id"},
        f"flow_run_event AS old, fresh WHERE old.run_id = '{run}' ORDER BY n, old.seq",
    )
    copy(
        connection,
        "message",
        {
            "id": "CASE WHEN old.role = 'user' THEN asked_id ELSE said_id END", "created_at": "at",
            "run_id": "fresh.run_id", "conversation_id": "talk",
        },
        f"message AS old, fresh WHERE old.run_id = '{run}' ORDER BY n",
    )  # fmt: skip


_PAGES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "runs, the newest page": ("/api/runs", {}),
    "runs, failed ones": ("/api/runs", {"status": "failed"}),
    "runs, those under way (none)": ("/api/runs", {"status": "running"}),
    "runs, those that wait (none)": ("/api/runs", {"status": "waiting"}),
    "runs, dead ones (none)": ("/api/runs", {"dead": "true"}),
    "runs of one flow": ("/api/runs", {"flow_id": "{flow}"}),
    "runs with a word nobody said": ("/api/runs", {"q": "zebra"}),
    "runs, an old page": ("/api/runs", {"before": "{old}"}),
    "one run": ("/api/runs/{run}", {}),
    "its steps": ("/api/runs/{run}/steps", {}),
    "the last runs of a flow": ("/api/flows/{flow}/runs", {}),
    "the last conversations of a flow": ("/api/flows/{flow}/conversations", {}),
    "the messages of a session": ("/api/chat/{session}/messages", {}),
    "the inbox": ("/api/approvals", {}),
    "the flows": ("/api/flows", {}),
}


async def _reads(where: Product, flow_id: str, prefix: str, found: Samples) -> None:
    with database(where.database_url) as connection:
        middle = (
            "SELECT id::text FROM flow_run ORDER BY id OFFSET (SELECT count(*) / 2 FROM flow_run) LIMIT 1"
        )
        old = connection.execute(middle).fetchone()
        found.add(f"{prefix}.rows", number(connection, "SELECT count(*) FROM flow_run"))
        found.add(f"{prefix}.gb", number(connection, "SELECT pg_database_size(current_database())") / 1024**3)
    said = await _chat(where, flow_id)
    known = {
        "flow": flow_id,
        "run": said["run_id"],
        "session": said["session_id"],
        "old": str(old and old[0]),
    }
    for label, (path, query) in _PAGES.items():

        async def read(path: str = path, query: Mapping[str, Any] = query) -> None:
            filled = {name: str(value).format(**known) for name, value in query.items()}
            await where.client.get(path.format(**known), **filled)

        found.add(f"{prefix}.{label}", percentile(await alone(read, 15), 0.5))
