"""Publishing tells what it does to others: to flows that call this one, and to runs that wait."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from app.core.clock import new_id
from app.core.db import unit_of_work
from app.models import FlowRun, FlowSnapshot
from tests.integration.api.conftest import Person, problem

INPUTS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
RESULT = {"total": "{{ nodes.sum.n }}", "city": "{{ input.city }}"}


def called(inputs: Mapping[str, Any] = INPUTS, result: Any = RESULT, trigger: str = "trigger.call") -> Any:
    """A flow others call: it answers `{total, city}`."""
    return {
        "schema": "flow/1",
        "kind": "task",
        "name": "Prices",
        "inputs": inputs,
        "nodes": [
            {"id": "start", "type": trigger},
            {"id": "sum", "type": "logic.set", "params": {"output": {"n": 3, "city": "x"}}},
            {"id": "answer", "type": "output.result", "params": {"value": result}},
        ],
        "edges": [
            {"id": "a", "source": "start", "target": "sum"},
            {"id": "b", "source": "sum", "target": "answer"},
        ],
    } | {}


def caller(flow_id: str, reads: str = "{{ nodes.ask.total }}", name: str = "Offers", **call: Any) -> Any:
    """A flow that calls another and reads its result."""
    params = {"flow": flow_id, "input": {"city": "Riga"}, **call}
    return {
        "schema": "flow/1",
        "kind": "task",
        "name": name,
        "nodes": [
            {"id": "start", "type": "trigger.call"},
            {"id": "ask", "type": "logic.subflow", "params": params},
            {"id": "read", "type": "output.result", "params": {"value": reads}},
        ],
        "edges": [
            {"id": "a", "source": "start", "target": "ask"},
            {"id": "b", "source": "ask", "target": "read"},
        ],
    }


async def make(person: Person, document: Any, *, publish: bool = False) -> str:
    made = await person.http.post("/api/flows", json=document)
    assert made.status_code == 201, made.text
    flow_id = str(made.json()["id"])
    if publish:
        published = await person.http.post(f"/api/flows/{flow_id}/publish", json={})
        assert published.status_code == 201, published.text
    return flow_id


async def change(person: Person, flow_id: str, document: Any) -> None:
    answer = await person.http.put(f"/api/flows/{flow_id}", json=document, headers={"if-match": "*"})
    assert answer.status_code == 200, answer.text
    assert [each for each in answer.json()["problems"] if each["severity"] == "error"] == []


async def preview(person: Person, flow_id: str) -> Any:
    answer = await person.http.get(f"/api/flows/{flow_id}/publish/preview")
    assert answer.status_code == 200, answer.text
    return answer.json()


WITH_DAY = {
    **INPUTS,
    "properties": {**INPUTS["properties"], "day": {"type": "string"}},
    "required": ["city", "day"],
}  # type: ignore[dict-item]
RETYPED = {**INPUTS, "properties": {"city": {"type": "integer"}}}
CLOSED = {"type": "object", "properties": {"town": {"type": "string"}}, "additionalProperties": False}
BREAKS: dict[str, tuple[Any, str]] = {
    "an input that becomes required": (called(WITH_DAY), "publish.input_required"),
    "an input of another type": (called(RETYPED, {"total": 1, "city": "x"}), "publish.input_retyped"),
    "an input that is gone": (called(CLOSED, {"total": 1, "city": "x"}), "publish.input_removed"),
    "a field of the result that is gone": (called(result={"city": "x"}), "publish.output_removed"),
    "no result at all": (called(result="done"), "publish.output_retyped"),
    "no way to be called": (
        called(trigger="trigger.chat", result={"total": 1, "city": ""}),
        "publish.not_callable",
    ),
}


@pytest.mark.parametrize(("document", "code"), BREAKS.values(), ids=BREAKS)
async def test_what_breaks_a_caller_is_told_and_refused_until_accepted(
    ann: Person, document: Any, code: str
) -> None:
    flow_id = await make(ann, called(), publish=True)
    offers = await make(ann, caller(flow_id), publish=True)
    await change(ann, flow_id, document)
    seen = await preview(ann, flow_id)
    assert (seen["version"], seen["can_publish"], seen["needs_acceptance"]) == (2, True, True)
    found = next(each for each in seen["consequences"] if each["code"] == code)
    assert (found["severity"], found["needs_acceptance"]) == ("error", True)
    assert "Offers" in found["message"]
    assert [(each["id"], each["name"], each["kind"], each["breaks"]) for each in found["callers"]] == [
        (offers, "Offers", "draft", True),
        (offers, "Offers", "version", True),
    ]
    assert all(set(each["nodes"]) <= {"ask", "read"} and each["nodes"] for each in found["callers"])
    refused = problem(
        await ann.http.post(f"/api/flows/{flow_id}/publish", json={}), 409, "flow.breaks_callers"
    )
    assert code in [each["code"] for each in refused["problems"]]
    accepted = await ann.http.post(f"/api/flows/{flow_id}/publish", json={"accept_breaking": True})
    assert (accepted.status_code, accepted.json()["version"]) == (201, 2)
    assert code in [each["code"] for each in accepted.json()["consequences"]]


KEEPS: dict[str, tuple[Any, Any]] = {
    "a field nobody reads": (called(result={"total": 1}), {}),
    "a version by its number": (called(WITH_DAY), {"version": 1}),
    "an input that is passed already": (called(WITH_DAY), {"input": {"city": "Riga", "day": "Monday"}}),
    "more than before": (called(result={**RESULT, "more": 1}), {}),
    "another wording": ({**called(), "description": "Now with words"}, {}),
}


@pytest.mark.parametrize(("document", "call"), KEEPS.values(), ids=KEEPS)
async def test_what_no_caller_relies_on_is_no_consequence(ann: Person, document: Any, call: Any) -> None:
    flow_id = await make(ann, called(), publish=True)
    await make(ann, caller(flow_id, **call), publish=True)
    await change(ann, flow_id, document)
    assert (await preview(ann, flow_id))["consequences"] == []
    assert (await ann.http.post(f"/api/flows/{flow_id}/publish", json={})).status_code == 201


@pytest.mark.parametrize(
    ("document", "call", "code"),
    [
        (called(WITH_DAY), {"input": "{{ input }}"}, "publish.input_required"),
        (called(result={"city": "x"}), {"reads": "{{ nodes.ask }}"}, "publish.output_removed"),
        (called(result={"total": "a lot", "city": ""}), {}, "publish.output_retyped"),
    ],
    ids=["an input nobody knows", "the whole result handed on", "a value of another type"],
)
async def test_what_may_break_a_caller_is_a_warning_to_accept(
    ann: Person, document: Any, call: Any, code: str
) -> None:
    flow_id = await make(ann, called(), publish=True)
    await make(ann, caller(flow_id, **call))
    await change(ann, flow_id, document)
    seen = await preview(ann, flow_id)
    assert [(each["code"], each["severity"]) for each in seen["consequences"]] == [(code, "warning")]
    problem(await ann.http.post(f"/api/flows/{flow_id}/publish", json={}), 409, "flow.breaks_callers")


async def test_the_first_version_breaks_nobody_and_strangers_are_not_named(ann: Person, bob: Person) -> None:
    flow_id = await make(ann, called(WITH_DAY))
    await make(ann, caller(flow_id))
    assert (await preview(ann, flow_id))["consequences"] == []
    assert (await ann.http.post(f"/api/flows/{flow_id}/publish", json={})).status_code == 201
    await make(bob, caller(flow_id, name="Bob's"))
    await change(ann, flow_id, called(result={"city": "x"}))
    assert "Bob's" not in str(await preview(ann, flow_id))
    assert (await bob.http.get(f"/api/flows/{flow_id}/publish/preview")).status_code == 404


async def waiting_run(person: Person, flow_id: str, version: int) -> None:
    """A run as a worker leaves it while it waits."""
    document = (await person.http.get(f"/api/flows/{flow_id}/versions/{version}")).json()
    export = (await person.http.get(f"/api/flows/{flow_id}/export")).text
    async with unit_of_work() as session:
        workspace = (await session.get(FlowSnapshot, document["semantic_hash"])) is None
        if workspace:
            session.add(FlowSnapshot(hash=document["semantic_hash"], document=export))
            await session.flush()
        session.add(
            FlowRun(
                id=new_id(),
                workspace_id=await workspace_of(session, flow_id),
                flow_id=UUID(flow_id),
                version=version,
                snapshot_hash=document["semantic_hash"],
                trigger="start",
                status="waiting",
            )
        )


async def workspace_of(session: Any, flow_id: str) -> UUID:
    from app.models import Flow

    flow = await session.get(Flow, UUID(flow_id))
    return UUID(str(flow.workspace_id))


async def test_runs_that_wait_are_counted_and_stay_where_they_are(ann: Person) -> None:
    flow_id = await make(ann, called(), publish=True)
    await waiting_run(ann, flow_id, 1)
    await waiting_run(ann, flow_id, 1)
    await change(ann, flow_id, called(result={"total": 1}))
    seen = await preview(ann, flow_id)
    assert seen["needs_acceptance"] is False
    assert [(each["code"], each["context"]) for each in seen["consequences"]] == [
        ("publish.runs_wait", {"version": 1, "runs": 2})
    ]
    published = await ann.http.post(f"/api/flows/{flow_id}/publish", json={})
    assert [each["code"] for each in published.json()["consequences"]] == ["publish.runs_wait"]


async def test_a_waiting_run_that_will_still_call_is_named(ann: Person) -> None:
    flow_id = await make(ann, called(), publish=True)
    offers = await make(ann, caller(flow_id), publish=True)
    await waiting_run(ann, offers, 1)
    await change(ann, offers, caller(flow_id, version=1))
    assert (await ann.http.post(f"/api/flows/{offers}/publish", json={})).status_code == 201
    await change(ann, flow_id, called(WITH_DAY))
    (found,) = (await preview(ann, flow_id))["consequences"]
    assert (found["code"], found["severity"]) == ("publish.input_required", "warning")
    (one,) = found["callers"]
    assert (one["id"], one["kind"], one["version"], one["runs"], one["breaks"]) == (
        offers,
        "runs",
        1,
        1,
        False,
    )


async def test_a_slot_without_a_credential_is_a_warning_on_its_node(ann: Person) -> None:
    document = called()
    params = {"url": "https://example.com", "credential": "crm"}
    document["nodes"].insert(1, {"id": "fetch", "type": "http.request", "params": params})
    document["requires"] = {"credentials": [{"slot": "crm", "kind": "bearer"}]}
    document["edges"].append({"id": "c", "source": "start", "target": "fetch"})
    flow_id = await make(ann, document)
    (found,) = (await preview(ann, flow_id))["problems"]
    assert (found["code"], found["severity"]) == ("credential.unbound", "warning")
    assert (found["node"], found["param"]) == ("fetch", "credential")
    body = {"name": "crm", "kind": "bearer", "values": {"token": "secret"}}
    assert (await ann.http.post("/api/credentials", json=body)).status_code == 201
    assert (await preview(ann, flow_id))["problems"] == []
