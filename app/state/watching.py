"""What an open editor follows: the news of its flow and the runs on its canvas, gathered into a few pushes a second.

A watcher belongs to one page and one process. The page calls regularly; a watcher nobody asks for ends by itself,
and a page whose process died finds none and begins anew.
"""

import asyncio
import time
from contextlib import aclosing, suppress
from typing import Any, Final
from uuid import UUID

import structlog

from app.core.principal import Principal
from app.errors import AppError
from app.realtime.follow import watch_flow
from app.services import flow_runs
from app.state.presence import Presence

Item = dict[str, Any]

COALESCE_S: Final = 0.05
GONE_AFTER_S: Final = 90.0
_LOOK_EVERY_S: Final = 15.0
_MOST_RUNS: Final = 8
_MOST_ITEMS: Final = 500
_OF_PEOPLE: Final = frozenset({"people", "presence"})
_log = structlog.get_logger()


class Watcher:
    """Follows for one page. `take` gives what came since, at most about twenty times a second."""

    def __init__(self, principal: Principal, flow_id: UUID) -> None:
        self._principal, self.flow_id = principal, flow_id
        self._items: list[Item] = []
        self._told = asyncio.Event()
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._seen = time.monotonic()
        self._presence: Presence | None = None
        self._listening = asyncio.Event()
        self._news = asyncio.create_task(self._watch())

    def touch(self) -> None:
        """The page is still there."""
        self._seen = time.monotonic()
        if self._presence is not None:
            self._presence.sign()

    async def appear(self) -> None:
        """Once the news are heard: be seen by the other open pages of the flow, and tell the page of them."""
        await self._listening.wait()
        self._presence = Presence(self._principal, self.flow_id, self._add)
        await self._presence.appear()

    def say(self, seen: object) -> None:
        """Tell the other pages what this page's person points at and has selected."""
        if self._presence is not None:
            self._presence.say(seen)

    def follow(self, run_id: UUID) -> None:
        """Tell of a run until it ends. Under a storm of runs the newest wait their turn on their own pages."""
        key = str(run_id)
        if key not in self._runs and len(self._runs) < _MOST_RUNS:
            task = self._runs[key] = asyncio.create_task(self._follow(run_id))
            task.add_done_callback(lambda _: self._runs.pop(key, None))

    async def take(self) -> list[Item] | None:
        """The next items, once there are some; None when the page is gone."""
        while not self._told.is_set():
            if time.monotonic() - self._seen > GONE_AFTER_S:
                return None
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._told.wait()
        await asyncio.sleep(COALESCE_S)
        items, self._items = self._items, []
        self._told.clear()
        return items

    def close(self) -> None:
        for task in (self._news, *self._runs.values()):
            task.cancel()
        if self._presence is not None:
            self._presence.leave()

    async def _watch(self) -> None:
        async with aclosing(watch_flow(self.flow_id)) as news:
            async for item in news:
                if item["kind"] == "listening":
                    self._listening.set()
                    continue
                if item["kind"] == "run":
                    self.follow(UUID(item["run_id"]))
                if item["kind"] not in _OF_PEOPLE or (
                    self._presence is not None and self._presence.take(item)
                ):
                    self._add(item)

    async def _follow(self, run_id: UUID) -> None:
        try:
            async with aclosing(flow_runs.follow(self._principal, run_id)) as events:
                async for event in events:
                    if event["seq"]:  # text goes by the page's own stream
                        self._add_event(str(run_id), event)
        except AppError as error:
            _log.info("watcher.run_not_followed", run_id=str(run_id), code=error.error_code)

    def _add_event(self, run_id: str, event: Any) -> None:
        last = self._items[-1] if self._items else None
        if last and last["kind"] == "status" and last["run_id"] == run_id:
            last["events"].append(event)
            self._told.set()
        else:
            self._add({"kind": "status", "run_id": run_id, "events": [event]})

    def _add(self, item: Item) -> None:
        if item["kind"] == "presence":  # where somebody points now is all that counts
            self._items = [each for each in self._items if each.get("person") != item["person"]]
        if len(self._items) >= _MOST_ITEMS:
            self._items = [{"kind": "gap"}]  # the page looks for itself what it missed
        self._items.append(item)
        self._told.set()


_watchers: dict[str, Watcher] = {}


def of(page: str) -> Watcher | None:
    """The watcher of a page (its client token) in this process."""
    return _watchers.get(page)


def begin(page: str, principal: Principal, flow_id: UUID) -> Watcher:
    """A new watcher for a page, in place of the one it had."""
    end(page)
    watcher = _watchers[page] = Watcher(principal, flow_id)
    return watcher


def end(page: str, only: Watcher | None = None) -> None:
    """Stop watching for a page; with `only`, unless it has another watcher by now."""
    known = _watchers.get(page)
    if known is not None and only in (None, known):
        known.close()
        del _watchers[page]
