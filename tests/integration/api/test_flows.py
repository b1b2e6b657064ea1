"""Flows by the API: made, imported and exported, edited by several at once, published, compared."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.api.conftest import Person, problem

ECHO: dict[str, Any] = {
    "schema": "flow/1",
    "kind": "agent",
    "name": "Echo",
    "inputs": {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]},
    "nodes": [
        {"id": "message", "type": "trigger.chat", "title": "Message"},
        {"id": "say", "type": "channel.send", "title": "Say", "params": {"text": "{{ input.message }}"}},
    ],
    "edges": [{"id": "e1", "source": "message", "target": "say"}],
}
ODDLY_WRITTEN = (
    '{ "name":"Ö",\n\n"schema" : "flow/1", "edges":[], '
    '"nodes":[{"params":{"b":1,  "a":2.0}, "type":"trigger.call","id":"start"}]}'
)


async def add(person: Person, document: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = await person.http.post("/api/flows/import", content=json.dumps(document or ECHO))
    assert answer.status_code == 201, answer.text
    view: dict[str, Any] = answer.json()
    return view


def set_text(op_id: str, text: str, node: str = "say") -> dict[str, Any]:
    return {"op_id": op_id, "op": {"op": "node.set_param", "id": node, "name": "text", "value": text}}


async def edit(
    person: Person, flow_id: str, *operations: dict[str, Any], base: int = 1, client: str = "a"
) -> Any:
    body = {"client_id": client, "base_revision": base, "operations": operations}
    answer = await person.http.post(f"/api/flows/{flow_id}/operations", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("kind", ["agent", "rule", "sequence", "task"])
async def test_a_new_flow_of_each_kind_begins_with_its_trigger(ann: Person, kind: str) -> None:
    made = await ann.http.post("/api/flows", json={"kind": kind})
    assert made.status_code == 201
    flow = made.json()
    assert flow["kind"] == flow["document"]["kind"] == kind
    assert [node["type"].partition(".")[0] for node in flow["document"]["nodes"]] == ["trigger"]
    assert [each for each in flow["problems"] if each["severity"] == "error"] == []
    assert (await ann.http.get(f"/api/flows/{flow['id']}")).json() == flow


async def test_a_flow_from_a_template_is_ready_to_publish(ann: Person) -> None:
    made = await ann.http.post(
        "/api/flows", json={"template": "answer_questions"}, headers={"accept-language": "ru"}
    )
    assert made.status_code == 201
    assert made.json()["problems"] == []
    published = await ann.http.post(f"/api/flows/{made.json()['id']}/publish")
    assert (published.status_code, published.json()["version"]) == (201, 1)
    unknown = await ann.http.post("/api/flows", json={"template": "nothing"})
    problem(unknown, 404, "flow_template.not_found")


async def test_a_document_can_be_posted_as_it_is(ann: Person) -> None:
    made = await ann.http.post("/api/flows", json=ECHO)
    assert (made.status_code, made.json()["name"]) == (201, "Echo")


async def test_lists_search_filter_and_page(ann: Person) -> None:
    for name, kind in (("Refund helper", "agent"), ("Nightly 100%", "task"), ("Refund report", "task")):
        await ann.http.post("/api/flows", json={"name": name, "kind": kind})

    async def names(**query: Any) -> list[str]:
        page = (await ann.http.get("/api/flows", params=query)).json()
        return [flow["name"] for flow in page["items"]]

    assert await names() == ["Refund report", "Nightly 100%", "Refund helper"]
    assert await names(search="refund") == ["Refund report", "Refund helper"]
    assert await names(search="report refund") == ["Refund report"]
    assert await names(search="%") == ["Nightly 100%"]
    assert await names(kind="agent") == ["Refund helper"]
    assert await names(limit=1, offset=1) == ["Nightly 100%"]
    assert (await ann.http.get("/api/flows", params={"limit": 1})).json()["total"] == 3


async def test_an_untouched_import_comes_back_byte_for_byte(ann: Person) -> None:
    imported = await ann.http.post("/api/flows/import", content=ODDLY_WRITTEN.encode())
    flow = imported.json()
    exported = await ann.http.get(f"/api/flows/{flow['id']}/export")
    assert exported.content == ODDLY_WRITTEN.encode()
    assert "filename*=UTF-8''" in exported.headers["content-disposition"]

    form = await ann.http.post("/api/flows/import", files={"file": ("x.flow.json", ODDLY_WRITTEN)})
    again = await ann.http.get(f"/api/flows/{form.json()['id']}/export")
    assert again.content == ODDLY_WRITTEN.encode()


async def test_an_edited_flow_is_exported_in_the_canonical_writing(ann: Person) -> None:
    flow = await add(ann, json.loads(ODDLY_WRITTEN))
    await edit(ann, flow["id"], {"op_id": "1", "op": {"op": "node.set_title", "id": "start", "title": "Go"}})
    text = (await ann.http.get(f"/api/flows/{flow['id']}/export")).text
    assert list(json.loads(text)["nodes"][0]["params"]) == ["b", "a"]
    copy = await ann.http.post("/api/flows/import", content=text.encode())
    assert (await ann.http.get(f"/api/flows/{copy.json()['id']}/export")).text == text
    assert text.endswith("}\n")


async def test_the_example_file_imports_with_its_unknown_types_told(ann: Person) -> None:
    document = {
        **ECHO,
        "nodes": [*ECHO["nodes"], {"id": "later", "type": "kb.search", "params": {"top_k": 4}}],
    }
    flow = await add(ann, document)
    assert flow["document"]["nodes"][2]["params"] == {"top_k": 4}
    found = [each for each in flow["problems"] if each["node"] == "later" and each["severity"] == "error"]
    assert found
    assert all(each["message"] and not each["message"].startswith("problem.") for each in found)
    refused = problem(await ann.http.post(f"/api/flows/{flow['id']}/publish"), 422, "flow.has_problems")
    assert "later" in {each["node"] for each in refused["problems"]}


async def test_deleting_can_be_undone(ann: Person) -> None:
    flow = await add(ann)
    assert (await ann.http.delete(f"/api/flows/{flow['id']}")).status_code == 204
    problem(await ann.http.get(f"/api/flows/{flow['id']}"), 404, "flow.not_found")
    assert (await ann.http.get("/api/flows")).json()["items"] == []
    restored = await ann.http.post(f"/api/flows/{flow['id']}/restore")
    assert restored.json()["document"] == flow["document"]
    assert (await ann.http.get("/api/flows")).json()["total"] == 1


async def test_a_copy_goes_its_own_way(ann: Person) -> None:
    flow = await add(ann)
    copy = (await ann.http.post(f"/api/flows/{flow['id']}/duplicate")).json()
    assert copy["name"] == copy["document"]["name"] == "Echo (copy)"
    await edit(ann, copy["id"], set_text("1", "Changed"))
    assert (await ann.http.get(f"/api/flows/{flow['id']}")).json()["document"] == flow["document"]


async def test_replacing_needs_the_current_revision(ann: Person) -> None:
    flow = await add(ann)
    url, changed = f"/api/flows/{flow['id']}", json.dumps({**ECHO, "name": "Replaced"})
    problem(await ann.http.put(url, content=changed), 428, "flow.revision_required")
    first = await ann.http.put(url, content=changed, headers={"if-match": '"1"'})
    assert (first.status_code, first.json()["revision"], first.headers["etag"]) == (200, 2, '"2"')
    refused = await ann.http.put(url, content=changed, headers={"if-match": "1"})
    assert problem(refused, 412, "flow.revision_mismatch")["context"]["revision"] == 2
    assert (await ann.http.get("/api/flows")).json()["items"][0]["name"] == "Replaced"
    told = (await ann.http.get(f"{url}/operations", params={"since": 1})).json()
    assert [each["op"] for each in told["operations"]] == [{"op": "document.replace"}]


async def test_operations_are_numbered_kept_and_told_to_others(ann: Person) -> None:
    flow = await add(ann)
    url = f"/api/flows/{flow['id']}"
    mine = await edit(ann, flow["id"], set_text("m1", "Mine"), client="mine")
    assert (mine["revision"], mine["accepted"], mine["operations"]) == (2, ["m1"], [])
    rename = {"op_id": "t1", "op": {"op": "flow.set", "name": "name", "value": "Told"}}
    theirs = await edit(ann, flow["id"], rename, client="theirs")
    assert theirs["revision"] == 3
    assert [(each["op_id"], each["actor"]["name"]) for each in theirs["operations"]] == [("m1", "Ann")]
    now = (await ann.http.get(url)).json()
    assert (now["name"], now["document"]["nodes"][1]["params"]["text"]) == ("Told", "Mine")
    told = (await ann.http.get(f"{url}/operations", params={"since": 1})).json()
    assert [each["op_id"] for each in told["operations"]] == ["m1", "t1"]


async def test_edits_in_order_wait_for_one_that_is_rejected(ann: Person) -> None:
    flow = await add(ann)
    node = {"id": "say", "type": "channel.send", "params": {"text": "Another of that name"}}
    body = {
        "client_id": "a",
        "base_revision": 1,
        "in_order": True,
        "operations": [
            set_text("good", "Fine"),
            {"op_id": "taken", "op": {"op": "node.add", "node": node}},
            set_text("of_the_new_one", "Not for the old one"),
        ],
    }
    answer = (await ann.http.post(f"/api/flows/{flow['id']}/operations", json=body)).json()
    assert (answer["accepted"], answer["deferred"]) == (["good"], ["of_the_new_one"])
    assert [each["op_id"] for each in answer["rejected"]] == ["taken"]
    say = (await ann.http.get(f"/api/flows/{flow['id']}")).json()["document"]["nodes"][1]
    assert say["params"]["text"] == "Fine"


async def test_the_newest_edits_say_who_changed_what(ann: Person) -> None:
    flow = await add(ann)
    for number in range(5):
        await edit(ann, flow["id"], set_text(f"m{number}", str(number)))
    url = f"/api/flows/{flow['id']}/operations/recent"
    newest = (await ann.http.get(url, params={"limit": 3})).json()
    assert [(each["op_id"], each["actor"]["name"]) for each in newest["operations"]] == [
        ("m4", "Ann"),
        ("m3", "Ann"),
        ("m2", "Ann"),
    ]
    assert newest["more"]
    older = (await ann.http.get(url, params={"before": newest["operations"][-1]["revision"]})).json()
    assert ([each["op_id"] for each in older["operations"]], older["more"]) == (["m1", "m0"], False)


async def test_an_operation_sent_twice_changes_nothing(ann: Person) -> None:
    flow = await add(ann)
    node = {"id": "more", "type": "channel.send", "params": {"text": "x"}}
    operation = {"op_id": "once", "op": {"op": "node.add", "node": node}}
    first = await edit(ann, flow["id"], operation, operation)
    again = await edit(ann, flow["id"], operation, set_text("next", "y", "more"))
    assert first["accepted"] == ["once", "once"]
    assert (again["revision"], again["accepted"], again["rejected"]) == (3, ["once", "next"], [])
    nodes = (await ann.http.get(f"/api/flows/{flow['id']}")).json()["document"]["nodes"]
    assert [each["id"] for each in nodes] == ["message", "say", "more"]


async def test_an_operation_that_does_not_fit_is_rejected_alone(ann: Person) -> None:
    flow = await add(ann)
    answer = await edit(
        ann,
        flow["id"],
        set_text("good", "Fine"),
        set_text("gone", "x", "nobody"),
        {"op_id": "odd", "op": {"op": "explode"}},
        {"op_id": "wrong", "op": {"op": "node.set_title", "id": "say", "title": 7}},
        {"op_id": "far", "op": {"op": "node.set_policy", "id": "say", "name": "timeout_s", "value": -1}},
    )
    assert (answer["revision"], answer["accepted"]) == (2, ["good"])
    assert [each["op_id"] for each in answer["rejected"]] == ["gone", "odd", "wrong", "far"]
    for each in answer["rejected"]:
        assert each["code"].startswith(("operation.", "flow."))
        assert not each["detail"].startswith("errors.")
    text = (await ann.http.get(f"/api/flows/{flow['id']}")).json()["document"]["nodes"][1]["params"]["text"]
    assert text == "Fine"


async def test_editors_at_once_lose_no_edit(ann: Person) -> None:
    flow = await add(ann)

    async def editor(name: str) -> None:
        base = 1
        for number in range(10):
            node = {"id": f"{name}{number}", "type": "channel.send", "params": {"text": "x"}}
            added = {"op_id": f"{name}-{number}", "op": {"op": "node.add", "node": node}}
            base = (await edit(ann, flow["id"], added, base=base, client=name))["revision"]

    await asyncio.gather(*(editor(name) for name in "abcd"))
    now = (await ann.http.get(f"/api/flows/{flow['id']}")).json()
    expected = {f"{name}{number}" for name in "abcd" for number in range(10)}
    assert {node["id"] for node in now["document"]["nodes"]} == expected | {"message", "say"}
    assert now["revision"] == 41
    told = (await ann.http.get(f"/api/flows/{flow['id']}/operations", params={"since": 0})).json()
    assert [each["revision"] for each in told["operations"]] == list(range(2, 42))


async def test_versions_are_frozen_and_compared(ann: Person) -> None:
    flow = await add(ann)
    url = f"/api/flows/{flow['id']}"
    first = (await ann.http.post(f"{url}/publish", json={"note": "First"})).json()
    await edit(
        ann,
        flow["id"],
        set_text("1", "Hello"),
        {
            "op_id": "2",
            "op": {"op": "node.add", "node": {"id": "end", "type": "output.result", "params": {"value": 1}}},
        },
        {"op_id": "3", "op": {"op": "edge.add", "edge": {"id": "e2", "source": "say", "target": "end"}}},
        {"op_id": "4", "op": {"op": "node.move", "id": "say", "x": 5, "y": 6}},
    )
    second = await ann.http.post(f"{url}/publish")
    assert (first["version"], second.json()["version"]) == (1, 2)
    listed = (await ann.http.get(f"{url}/versions")).json()
    assert [(each["version"], each["note"], each["author"]) for each in listed] == [
        (2, "", "Ann"),
        (1, "First", "Ann"),
    ]
    assert (await ann.http.get(f"{url}/versions/1")).json()["document"] == flow["document"]

    diff = (await ann.http.get(f"{url}/versions/1...2")).json()
    assert [node["id"] for node in diff["nodes"]["added"]] == ["end"]
    assert [edge["id"] for edge in diff["edges"]["added"]] == ["e2"]
    assert diff["nodes"]["changed"] == [
        {
            "id": "say",
            "changes": [{"path": "params.text", "before": "{{ input.message }}", "after": "Hello"}],
        }
    ]
    assert (diff["nodes"]["removed"], diff["flow"], diff["same_meaning"]) == ([], [], False)
    assert (await ann.http.get(f"{url}/versions/2...draft")).json()["same_meaning"]
    problem(await ann.http.get(f"{url}/versions/1...9"), 404, "flow.version_not_found")
    problem(await ann.http.get(f"{url}/versions/x...y"), 404, "not_found")


async def test_another_workspace_sees_and_changes_nothing(ann: Person, bob: Person) -> None:
    flow = await add(ann)
    await ann.http.post(f"/api/flows/{flow['id']}/publish")
    url = f"/api/flows/{flow['id']}"
    operations = {"client_id": "b", "base_revision": 1, "operations": [set_text("b1", "Bob's")]}
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", url, {}),
        ("PUT", url, {"json": ECHO, "headers": {"if-match": "*"}}),
        ("DELETE", url, {}),
        ("POST", f"{url}/restore", {}),
        ("POST", f"{url}/duplicate", {}),
        ("GET", f"{url}/export", {}),
        ("POST", f"{url}/operations", {"json": operations}),
        ("GET", f"{url}/operations", {}),
        ("POST", f"{url}/publish", {}),
        ("GET", f"{url}/versions", {}),
        ("GET", f"{url}/versions/1", {}),
        ("GET", f"{url}/versions/1...1", {}),
    ]
    for method, path, options in calls:
        problem(await bob.http.request(method, path, **options), 404, "flow.not_found")
    assert (await bob.http.get("/api/flows")).json()["total"] == 0
    now = (await ann.http.get(url)).json()
    assert (now["document"], now["revision"]) == (flow["document"], 1)


def broken(**change: Any) -> str:
    return json.dumps({**ECHO, **change})


MALFORMED: dict[str, tuple[str | bytes, int, str]] = {
    "malformed": ('{"schema": "flow/1", ', 422, "flow.malformed_json"),
    "not a number": ('{"schema": "flow/1", "settings": {"timeout_s": NaN}}', 422, "flow.invalid_number"),
    "unknown field": (broken(surprise=1), 422, "flow.unknown_field"),
    "unknown field of a node": (
        broken(nodes=[{**ECHO["nodes"][0], "colour": "red"}]),
        422,
        "flow.unknown_field",
    ),
    "other schema": (broken(schema="flow/99"), 422, "flow.unsupported_schema"),
    "wrong value": (broken(nodes=[{"id": "Not an id", "type": "x"}]), 422, "flow.invalid_value"),
    "too deep": ('{"schema": "flow/1", "inputs": ' + '{"a":' * 90 + "1" + "}" * 91, 422, "flow.too_deep"),
    "not UTF-8": (b'{"name": "\xff"}', 422, "flow.not_utf8"),
    "two keys": ('{"schema": "flow/1", "name": "a", "name": "b"}', 422, "flow.duplicate_key"),
    "3 MB": (broken(description="x" * 3_000_000), 413, "flow.too_large"),
    "5 MB": (broken(description="x" * 5_000_000), 413, "request.too_large"),
}


@pytest.mark.parametrize("case", MALFORMED)
async def test_a_file_that_is_no_flow_is_refused_and_changes_nothing(ann: Person, case: str) -> None:
    text, status, code = MALFORMED[case]
    flow = await add(ann)
    url = f"/api/flows/{flow['id']}"
    answers: list[httpx.Response] = [
        await ann.http.post("/api/flows/import", content=text),
        await ann.http.post("/api/flows/check", content=text),
        await ann.http.put(url, content=text, headers={"if-match": "1"}),
    ]
    for answer in answers:
        problem(answer, status, code)
    assert (await ann.http.get("/api/flows")).json()["total"] == 1
    assert (await ann.http.get(url)).json() == flow


NODES, EDGES = ECHO["nodes"], ECHO["edges"]
WRONG: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a cycle": (
        {"edges": [*EDGES, {"id": "e2", "source": "say", "target": "say"}]},
        {},
    ),
    "a dangling edge": (
        {"edges": [*EDGES, {"id": "e2", "source": "say", "target": "nobody"}]},
        {"edge": "e2"},
    ),
    "a port that is not there": (
        {"edges": [{"id": "e1", "source": "message", "source_port": "maybe", "target": "say"}]},
        {"edge": "e1"},
    ),
    "an unknown type": ({"nodes": [*NODES, {"id": "odd", "type": "no.such"}]}, {"node": "odd"}),
    "an unknown param": (
        {"nodes": [NODES[0], {**NODES[1], "params": {"text": "x", "volume": 11}}]},
        {"node": "say", "param": "volume"},
    ),
    "a template that does not parse": (
        {"nodes": [NODES[0], {**NODES[1], "params": {"text": "{% if %}"}}]},
        {"node": "say", "param": "text"},
    ),
    "a reference to nothing": (
        {"nodes": [NODES[0], {**NODES[1], "params": {"text": "{{ nodes.ghost.text }}"}}]},
        {"node": "say", "param": "text"},
    ),
    "no trigger": ({"nodes": NODES[1:], "edges": []}, {}),
}


@pytest.mark.parametrize("case", WRONG)
async def test_a_problem_names_its_place_and_stops_publishing(ann: Person, case: str) -> None:
    change, place = WRONG[case]
    checked = await ann.http.post("/api/flows/check", content=broken(**change))
    assert checked.status_code == 200
    assert not checked.json()["ok"]
    errors = [each for each in checked.json()["problems"] if each["severity"] == "error"]
    assert any(all(each[name] == value for name, value in place.items()) for each in errors), errors
    assert all(not each["message"].startswith("problem.") for each in errors)
    assert (await ann.http.get("/api/flows")).json()["total"] == 0

    flow = await add(ann, {**ECHO, **change})
    url = f"/api/flows/{flow['id']}"
    refused = problem(await ann.http.post(f"{url}/publish"), 422, "flow.has_problems")
    assert refused["problems"] == flow["problems"]
    assert (await ann.http.get(f"{url}/versions")).json() == []


async def test_problems_speak_the_readers_language(ann: Person) -> None:
    body = broken(nodes=NODES[1:], edges=[])
    english = await ann.http.post("/api/flows/check", content=body, headers={"accept-language": "en"})
    russian = await ann.http.post("/api/flows/check", content=body, headers={"accept-language": "ru-RU,ru"})
    for one, other in zip(english.json()["problems"], russian.json()["problems"], strict=True):
        assert one["code"] == other["code"]
        assert one["message"] != other["message"]


async def test_a_text_that_cannot_be_stored_is_refused(ann: Person) -> None:
    problem(await ann.http.get("/api/flows", params={"search": "\x00"}), 422, "request.invalid_text")
    problem(await ann.http.post("/api/api-keys", json={"name": "a\x00"}), 422, "request.invalid_text")
    before = (await ann.http.get("/api/flows")).json()["total"]
    body = json.dumps({**ECHO, "name": "a\x00b"})
    refused = problem(await ann.http.post("/api/flows/import", content=body), 422, "flow.invalid_text")
    assert refused["context"]["path"] == "name"
    assert (await ann.http.get("/api/flows")).json()["total"] == before


async def test_every_golden_file_survives_the_trip(ann: Person) -> None:
    for path in sorted((Path(__file__).parents[2] / "golden").glob("*.flow.json")):
        text = path.read_bytes()
        imported = await ann.http.post("/api/flows/import", content=text)
        assert imported.status_code == 201, (path.name, imported.text)
        exported = await ann.http.get(f"/api/flows/{imported.json()['id']}/export")
        assert exported.content == text
