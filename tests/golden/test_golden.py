"""Whole flows of the real node types, with the journal each input leaves. A case beside a flow is one test."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.capabilities import HttpResponse
from app.flows import codec
from app.flows.document import Flow
from app.flows.drive import drive
from app.flows.memory import MemoryJournal, MemorySink
from app.flows.perform import make_perform
from app.flows.plan import compile
from app.nodes.catalog import CATALOG
from tests.unit.nodes.fakes import FakeChannel, FakeEmit, FakeLlm

FOLDER = Path(__file__).parent
AT = datetime(2026, 11, 20, tzinfo=UTC)


class ScriptedHttp:
    def __init__(self, answers: list[list[Any]]) -> None:
        self._answers = list(answers)

    async def send(self, _request: Any) -> HttpResponse:
        status, body = self._answers.pop(0)
        return HttpResponse(status, {}, body.encode())


def cases() -> Iterator[Any]:
    for path in sorted(FOLDER.glob("*.flow.json")):
        name = path.name.removesuffix(".flow.json")
        for case in json.loads((FOLDER / f"{name}.expected.json").read_text(encoding="utf-8")):
            yield pytest.param(
                codec.load(path.read_text(encoding="utf-8")), case, id=f"{name}-{case['name']}"
            )


def line(event: dict[str, Any]) -> str:
    node = event.get("node") or ""
    place = f"{event['path']}/{node}" if event.get("path") else node
    return " ".join([event["type"], place, *event.get("ports", ())]).strip()


@pytest.mark.parametrize(("flow", "case"), list(cases()))
async def test_golden(flow: Flow, case: dict[str, Any]) -> None:
    plan = compile(flow, CATALOG)
    journal = MemoryJournal()
    start: Any = {"type": "run.started", "trigger": flow.nodes[0].id, "input": case["input"], "scope": {}}
    state = {name: declared.get("default") for name, declared in flow.state.items()}
    journal.runs["run"] = [{**start, "state": state, "at": AT.isoformat()}]
    world = {
        "llm": FakeLlm(), "channel": FakeChannel(), "emit": FakeEmit(), "http": ScriptedHttp(case.get("http", []))
    }  # fmt: skip
    result = await drive(plan, "run", journal, MemorySink(), make_perform(plan, lambda *_: world), lambda: AT)
    assert [line(dict(event)) for event in journal.runs["run"]] == case["journal"]
    assert (result.status, result.output) == (case["status"], case.get("output"))
    assert [message["text"] for message in result.messages] == case.get("messages", [])
    error: Any = result.error or {}
    assert (error.get("code"), error.get("node")) == (case.get("error"), case.get("at"))
