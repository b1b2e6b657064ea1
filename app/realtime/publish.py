"""Sends what happens: a run's numbered events and text, the end of runs, and news for a flow's open editors.

Nothing here fails its caller. What Redis did not take, readers rebuild from the journal.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import orjson
import structlog
from redis.exceptions import NoScriptError, RedisError

from app.core.redis import PREFIX, client
from app.flows.events import LiveEvent
from app.flows.storable import mended

ENDED: Final = f"{PREFIX}runs:ended"
CANCELS: Final = f"{PREFIX}runs:cancel"
NUDGES: Final = f"{PREFIX}runs:nudge"
_KEEP_MS: Final = 24 * 3600 * 1000
_KEEP_ENDED_MS: Final = 5 * 60 * 1000
_ENTRY: Final = 100
_SOON_S: Final = 0.02
_LAST: Final = {"run.succeeded", "run.failed", "run.cancelled"}
# One entry and its message carry the same id, so a reader that joins in between sees each batch once.
_ADD: Final = """
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'e', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PUBLISH', KEYS[1], id .. ' ' .. ARGV[1])
"""
_log = structlog.get_logger()


def run_channel(run_id: str) -> str:
    return f"{PREFIX}run:{run_id}:events"


def flow_channel(flow_id: str) -> str:
    return f"{PREFIX}flow:{flow_id}"


class RedisSink:
    """Collects what runs of this process publish and sends it in the background, in order, many at once."""

    def __init__(self) -> None:
        self._pending: dict[str, list[LiveEvent]] = {}
        self._news: list[tuple[str, str | bytes]] = []
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sha = ""

    async def publish(self, run_id: str, events: Sequence[LiveEvent]) -> None:
        """What a run did waits a moment for what follows; text, ends and other news take it along at once."""
        if events:
            self._pending.setdefault(run_id, []).extend(events)
            self._start_soon() if events[-1]["type"] not in _LAST else self._start()

    def delta(self, run_id: str, node: str, path: str, text: str) -> None:
        """Text of a step while it runs. Pieces that pile up are sent as one."""
        text = mended(text)
        pending = self._pending.setdefault(run_id, [])
        last = pending[-1] if pending else None
        if last and last["type"] == "step.delta" and last.get("node") == node and last.get("path") == path:
            pending[-1] = {**last, "data": {"text": last["data"]["text"] + text}}
        else:
            pending.append(
                {"seq": 0, "type": "step.delta", "node": node, "path": path, "data": {"text": text}}
            )
        self._start()

    def news(self, channel: str, message: str | bytes, *, soon: bool = False) -> None:
        """A short message that rides along, behind the events published before it. One that need only come `soon`
        waits a moment for what it can ride along with.
        """
        self._news.append((channel, message))
        self._start_soon() if soon else self._start()

    async def flush(self) -> None:
        """Wait until everything collected so far is sent."""
        self._start()
        while self._task is not None and not self._task.done():
            await self._task

    def _start_soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SOON_S, self._start)

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        while self._pending or self._news:
            batch, self._pending = self._pending, {}
            try:
                await self._send(batch)
            except (RedisError, OSError) as error:
                _log.warning("realtime.not_published", runs=len(batch), error=type(error).__name__)

    async def _send(self, batch: dict[str, list[LiveEvent]]) -> None:
        connection = client()
        if not self._sha:
            self._sha = await connection.script_load(_ADD)
        pipeline = connection.pipeline(transaction=False)
        for run_id, events in batch.items():
            keep_ms = _KEEP_ENDED_MS if any(event["type"] in _LAST for event in events) else _KEEP_MS
            # Of a run with very many steps the newest are kept; readers find the older ones in the journal.
            entries = 1_000 if len(events) <= _ENTRY else 200
            for first in range(0, len(events), _ENTRY):
                entry = orjson.dumps(events[first : first + _ENTRY])
                pipeline.evalsha(self._sha, 1, run_channel(run_id), entry, keep_ms, entries)
        news, self._news = self._news, []
        for channel, message in news:
            pipeline.publish(channel, message)
        try:
            await pipeline.execute()
        except NoScriptError:
            self._sha = ""
            await self._send(batch)


async def tell(channel: str, message: str) -> None:
    """Publish a short message; a Redis that is gone is no error."""
    try:
        await client().publish(channel, message)
    except (RedisError, OSError) as error:
        _log.warning("realtime.not_published", channel=channel, error=type(error).__name__)


async def publish_flow(flow_id: object, item: dict[str, Any]) -> None:
    """Tell every open editor of the flow: operations, problems, or a run that was started."""
    await tell(flow_channel(str(flow_id)), orjson.dumps(item, default=str).decode())
