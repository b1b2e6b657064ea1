"""Credentials by the API: what is kept, what is shown, who uses them; and when a schedule comes true."""

from datetime import datetime
from typing import Any

import pytest

from tests.integration.api.conftest import Person, problem

SECRET = "canary-4711"


def flow(name: str, *params: dict[str, Any]) -> dict[str, Any]:
    """A flow that calls an address once for each of these params."""
    nodes = [
        {"id": f"call_{number}", "type": "http.request", "params": {"url": "https://x.example/", **each}}
        for number, each in enumerate(params)
    ]
    edges = [
        {"id": f"e{number}", "source": "start", "target": node["id"]} for number, node in enumerate(nodes)
    ]
    slots = sorted({each["credential"] for each in params if "credential" in each})
    return {
        "schema": "flow/1",
        "name": name,
        "nodes": [{"id": "start", "type": "trigger.call"}, *nodes],
        "edges": edges,
        "requires": {"credentials": [{"slot": slot, "kind": "bearer"} for slot in slots]},
    }


async def keep(person: Person, name: str, kind: str = "bearer", **values: str) -> dict[str, Any]:
    body = {"name": name, "kind": kind, "values": values or {"token": SECRET}}
    made = await person.http.post("/api/credentials", json=body)
    assert made.status_code == 201
    kept: dict[str, Any] = made.json()
    return kept


async def listed(person: Person) -> dict[str, Any]:
    answer = await person.http.get("/api/credentials")
    assert SECRET not in answer.text
    return {each["name"]: each for each in answer.json()}


async def test_the_list_says_who_made_a_credential_and_which_flows_use_it(ann: Person, bob: Person) -> None:
    await keep(ann, "shop")
    await keep(ann, "spare")
    draft = (
        await ann.http.post(
            "/api/flows/import", json=flow("Draft", {"credential": "shop"}, {"credential": "shop"})
        )
    ).json()
    published = (await ann.http.post("/api/flows/import", json=flow("Live", {"credential": "shop"}))).json()
    assert (await ann.http.post(f"/api/flows/{published['id']}/publish", json={})).status_code == 201
    unset = {"op": "node.set_param", "id": "call_0", "name": "credential", "unset": True}
    edit = {"client_id": "x", "base_revision": 0, "operations": [{"op_id": "1", "op": unset}]}
    await ann.http.post(f"/api/flows/{published['id']}/operations", json=edit)
    hook = {
        "id": "hook",
        "type": "trigger.webhook",
        "params": {"path": "in", "auth": {"kind": "bearer", "credential": "shop"}},
    }
    await ann.http.post("/api/flows/import", json={"schema": "flow/1", "name": "Hook", "nodes": [hook]})
    mentions = await ann.http.post(
        "/api/flows/import", json=flow("Mentions", {"headers": {"credentials": "shop"}})
    )
    assert mentions.status_code == 201
    found = await listed(ann)
    assert [each["name"] for each in found["shop"]["flows"]] == ["Draft", "Hook", "Live"]
    assert found["spare"]["flows"] == []
    assert found["shop"]["author"] != ""
    await ann.http.delete(f"/api/flows/{draft['id']}")
    assert [each["name"] for each in (await listed(ann))["shop"]["flows"]] == ["Hook", "Live"]
    await keep(bob, "shop")
    assert (await listed(bob))["shop"]["flows"] == []


async def test_a_secret_is_replaced_and_its_kind_stays(ann: Person, bob: Person) -> None:
    made = await keep(ann, "login", "basic", username="ann", password=SECRET)
    path = f"/api/credentials/{made['id']}"
    problem(await ann.http.put(path, json={"values": {"token": "x"}}), 422, "credential.wrong_values")
    problem(
        await bob.http.put(path, json={"values": {"username": "b", "password": "x"}}),
        404,
        "credential.not_found",
    )
    changed = await ann.http.put(path, json={"values": {"username": "ann", "password": "new"}})
    assert (changed.status_code, changed.json()["kind"]) == (200, "basic")
    assert datetime.fromisoformat(changed.json()["updated_at"]) > datetime.fromisoformat(made["updated_at"])
    assert (await ann.http.delete(path)).status_code == 204
    problem(
        await ann.http.put(path, json={"values": {"username": "a", "password": "b"}}),
        404,
        "credential.not_found",
    )


async def test_the_next_moments_of_a_schedule_are_those_of_its_zone(ann: Person) -> None:
    asked = {"cron": "30 9 * * MON-FRI", "timezone": "Asia/Tokyo"}
    answer = await ann.http.get("/api/schedules/moments", params=asked)
    moments = [datetime.fromisoformat(each) for each in answer.json()]
    assert [(each.hour, each.minute, each.utcoffset().seconds) for each in moments] == [(9, 30, 9 * 3600)] * 3  # type: ignore[union-attr]
    assert moments == sorted(set(moments))
    assert all(each.weekday() < 5 for each in moments)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"cron": "every day"}, "schedule.bad_cron"),
        ({"cron": ""}, "schedule.bad_cron"),
        ({"cron": "0 0 30 2 *"}, "schedule.bad_cron"),
        ({"cron": "0 9 * * *", "timezone": "Mars/Olympus"}, "time.unknown_zone"),
        ({"cron": "0 9 * * *", "timezone": "../etc/passwd"}, "time.unknown_zone"),
    ],
)
async def test_what_is_no_schedule_is_refused(ann: Person, asked: dict[str, str], code: str) -> None:
    problem(await ann.http.get("/api/schedules/moments", params=asked), 422, code)
