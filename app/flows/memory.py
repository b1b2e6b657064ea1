"""A journal and a sink in memory: for tests, and for running a file without anything around it."""

from collections.abc import Sequence

from app.flows.events import Event, LiveEvent
from app.flows.ports import Fenced


class MemoryJournal:
    """Journals of runs by id. `appends` counts the durable points."""

    def __init__(self) -> None:
        self.runs: dict[str, list[Event]] = {}
        self.appends = 0

    async def load(self, run_id: str) -> list[Event]:
        return list(self.runs.get(run_id, ()))

    async def append(self, run_id: str, expected_seq: int, events: Sequence[Event]) -> None:
        stored = self.runs.setdefault(run_id, [])
        if len(stored) != expected_seq:
            raise Fenced(run_id)
        stored.extend(events)
        self.appends += 1


class MemorySink:
    """Everything published, in order; `texts` joins the deltas of each step."""

    def __init__(self) -> None:
        self.events: list[LiveEvent] = []
        self.texts: dict[str, str] = {}

    async def publish(self, run_id: str, events: Sequence[LiveEvent]) -> None:
        self.events.extend(events)

    def delta(self, run_id: str, node: str, path: str, text: str) -> None:
        self.texts[node] = self.texts.get(node, "") + text
