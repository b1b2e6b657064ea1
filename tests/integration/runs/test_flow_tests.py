"""Tests of flows: made of runs, run by the workers and from a file, with what they do not cover."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.core.db import unit_of_work
from app.core.principal import Principal
from app.errors import AppError
from app.repositories.flows import Flows
from app.schemas.flow_runs import StartRun
from app.services import flow_runs, flow_tests, flows
from tests.integration.runs.conftest import ROOT, Model, Workers, node, store
from tests.integration.runs.test_waits import CALL, asked, branching, decide, ended

FLOW = branching(
    CALL,
    node("ask", "ai.llm", model="demo/assistant", prompt="Say {{ input.word }}"),
    node("each", "logic.map", items="{{ trigger.items }}", max_parallel=2),
    {**node("order", "http.request", method="POST", url="https://shop.example/{{ item }}"), "parent": "each"},
    node("boss", "human.approval", question="Tell?", allow_self=True),
    node("tell", "channel.send", text="{{ nodes.ask.text }}"),
    node("done", "output.result", value="{{ nodes.ask.text }}"),
    node("never", "output.result", value="rejected"),
    edges="call>ask call>each each.item>order ask>boss boss.approved>tell boss.approved>done boss.rejected>never",
)


async def by_command(path: Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "test", str(path), cwd=ROOT, stdout=PIPE, stderr=STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def run_once(principal: Principal, flow_id: UUID) -> UUID:
    async with unit_of_work() as session:
        body = StartRun(input={"word": "Hello", "items": ["a", "b"]}, simulate=True)
        run_id = await flow_runs.queue_stored(session, principal, flow_id, body)
    (item,) = await asked(principal)
    await decide(principal, item.id)
    assert (await ended(principal, run_id)).status == "succeeded"
    return run_id


async def make(principal: Principal, run_id: UUID, name: str = "") -> dict[str, Any]:
    async with unit_of_work() as session:
        return await flow_tests.make_from_run(session, principal, run_id, name, "en")


async def test_a_test_of_a_run_passes_asks_nobody_and_buys_nothing(
    principal: Principal, workers: Workers, model: Model, tmp_path: Path
) -> None:
    workers.start()
    flow_id = await store(principal, FLOW)
    run_id = await run_once(principal, flow_id)
    test = await make(principal, run_id, "Hello")
    assert set(test["answers"]) == {"ask", "boss", "each[0]/order", "each[1]/order"}
    assert (await make(principal, run_id, "Hello"))["name"] == "Hello 2"
    report = await flow_tests.run_all(principal, flow_id)
    assert (report.passed, report.failed) == (2, 0), report
    assert sum(model.calls.values()) == 1
    assert report.uncovered_nodes == ["never"]
    assert report.uncovered_branches == ["boss.rejected"]
    async with unit_of_work() as session:
        exported = await flows.export(session, principal, flow_id)
    path = tmp_path / "hello.flow.json"
    path.write_text(exported.text)
    code, output = await by_command(path)
    assert (code, output.splitlines()[-1]) == (0, "2 passed, 0 failed."), output


async def test_a_change_that_breaks_a_test_is_told_with_what_came_instead(
    principal: Principal, workers: Workers, tmp_path: Path
) -> None:
    workers.start()
    flow_id = await store(principal, FLOW)
    await make(principal, await run_once(principal, flow_id), "Hello")
    async with unit_of_work() as session:
        row = await Flows(session, principal.workspace_id).lock(flow_id)
        document = json.loads(row.document)
        next(each for each in document["nodes"] if each["id"] == "tell")["params"]["text"] = "Changed"
    broken = await store(principal, document)
    report = await flow_tests.run_all(principal, broken)
    (result,) = report.results
    assert [(each.what, each.found) for each in result.mismatches] == [("messages", ["Changed"])]
    with pytest.raises(AppError) as refused:
        await flow_tests.require_green(principal, broken)
    assert refused.value.context["names"] == "Hello"
    path = tmp_path / "broken.flow.json"
    path.write_text(json.dumps(document))
    code, output = await by_command(path)
    assert code == 1
    assert "Changed" in output


async def test_a_missing_answer_is_named_and_an_unreadable_test_too(
    principal: Principal, workers: Workers
) -> None:
    workers.start()
    test = {"name": "bare", "input": {"word": "x", "items": []}, "expect": {"status": "succeeded"}}
    flow_id = await store(principal, {**FLOW, "tests": [test]})
    (result,) = (await flow_tests.run_all(principal, flow_id)).results
    assert [each.what for each in result.mismatches] == ["status"]
    assert "ask test.no_answer" in result.mismatches[0].found
    flow_id = await store(principal, {**FLOW, "tests": [{"input": {}}]})
    with pytest.raises(AppError) as refused:
        await flow_tests.run_all(principal, flow_id)
    assert refused.value.context["path"] == "tests[0]"
