"""One page among those that have a flow open: it is seen by the others, and learns who they are and where they point.

What a page says goes out at most ten times a second, the latest always. A page that is idle says nothing.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

from app.core.clock import token
from app.core.principal import Principal
from app.realtime import people

Item = dict[str, Any]

_EVERY_S: Final = 0.1
_MOST_SELECTED: Final = 100
_leaving: set[asyncio.Task[None]] = set()


class Presence:
    """`add` takes what the page is to be told."""

    def __init__(self, principal: Principal, flow_id: UUID, add: Callable[[Item], None]) -> None:
        self.person = people.Person(token(6), str(principal.user_id), principal.name)
        self._flow_id, self._add = flow_id, add
        self._others: list[people.Person] | None = None
        self._left = False
        self._seen: Item | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._sending: asyncio.Task[None] | None = None

    async def appear(self) -> None:
        """Be seen, and tell the page who is there already."""
        await self.look()
        await people.changed(self._flow_id)

    def sign(self) -> None:
        """The page is still there. Tells it when somebody came or went unheard."""
        back, self._left = self._left, False
        self._spawn(self.appear() if back else self.look())

    async def look(self) -> None:
        others = await people.here(self._flow_id, self.person)
        if others == self._others:
            return
        begun, self._others = self._others is None, others
        self._add(
            {
                "kind": "people",
                "begun": begun,
                "me": self.person.account,
                "people": [asdict(each) for each in others],
            }
        )

    def take(self, item: Item) -> bool:
        """Whether an item of the flow's news is for the page as it is."""
        if item["kind"] == "people":
            if not self._left:
                self._spawn(self.look())
            return False
        return item["kind"] != "presence" or item["person"] != self.person.id

    def say(self, seen: object) -> None:
        """What the page's person points at and has selected, or that they leave; nonsense is ignored."""
        if isinstance(seen, dict) and seen.get("gone") is True:
            self._left, self._others = True, None  # who comes back is told anew
            self._spawn(people.gone(self._flow_id, self.person))
            return
        self._seen = _read(seen)
        if self._seen is not None and (self._sending is None or self._sending.done()):
            self._sending = self._spawn(self._send())

    def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        task = asyncio.create_task(people.gone(self._flow_id, self.person))
        _leaving.add(task)
        task.add_done_callback(_leaving.discard)

    async def _send(self) -> None:
        while self._seen is not None:
            seen, self._seen = self._seen, None
            await people.tell(self._flow_id, self.person, seen)
            await asyncio.sleep(_EVERY_S)

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _read(seen: object) -> Item | None:
    """`{"cursor": {"x", "y"} | null, "selected": [node ids]}`, and nothing else."""
    if not isinstance(seen, dict):
        return None
    cursor, selected = seen.get("cursor"), seen.get("selected")
    if not isinstance(selected, list) or len(selected) > _MOST_SELECTED:
        return None
    if not all(isinstance(each, str) and len(each) <= 80 for each in selected):
        return None
    if cursor is None:
        return {"cursor": None, "selected": selected}
    if not isinstance(cursor, dict):
        return None
    x, y = _number(cursor.get("x")), _number(cursor.get("y"))
    return None if x is None or y is None else {"cursor": {"x": x, "y": y}, "selected": selected}


def _number(value: object) -> int | None:
    if not isinstance(value, int | float) or not math.isfinite(value) or abs(value) >= 1e7:
        return None
    return round(value)
