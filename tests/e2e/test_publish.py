"""Publishing from the editor: what forbids it, tests, what changed, a note, and what would break for others."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.documents import CALL, api, flow, node

BIG = {"left": "{{ input.n }}", "op": "gt", "right": 10}


@pytest.fixture
def page(demo_page: Page) -> Page:
    return demo_page


def opened(page: Page, document: dict[str, Any]) -> str:
    page.goto("/flows")
    flow_id = str(api(page, "/api/flows/import", document)["id"])
    page.goto(f"/flows/{flow_id}")
    expect(page.locator(".pm-card").first).to_be_visible()
    return flow_id


def sorting() -> dict[str, Any]:
    return flow(
        "Sorting",
        CALL,
        node("size", "logic.if", cases=[{"id": "big", "when": BIG}]),
        node("large", "output.result", value="large"),
        node("small", "output.result", value="small"),
        edges="call>size size.big>large size.else>small",
    )


def edit(page: Page, node_id: str, param: str, text: str) -> None:
    page.get_by_test_id(f"node-{node_id}").click()
    page.get_by_test_id(f"field-{param}").locator("textarea").fill(text)
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-state", "saved", timeout=15_000)


def test_a_version_has_a_note_and_the_next_one_says_what_changed(page: Page) -> None:
    flow_id = opened(page, sorting())
    page.get_by_test_id("publish-button").click()
    dialog = page.get_by_test_id("publish-dialog")
    expect(dialog).to_contain_text("first version")
    dialog.get_by_test_id("publish-note").fill("Sorts by size")
    dialog.get_by_test_id("publish-confirm").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_test_id("version")).to_contain_text("v1")
    page.get_by_test_id("version").click()
    expect(page.locator(".pm-versions")).to_contain_text("Sorts by size")
    page.keyboard.press("Escape")

    page.get_by_test_id("publish-button").click()
    expect(page.get_by_test_id("publish-changes")).to_contain_text("Nothing changed since version 1")
    page.keyboard.press("Escape")
    edit(page, "large", "value", "very large")
    page.get_by_test_id("publish-button").click()
    changes = page.get_by_test_id("publish-changes")
    expect(changes.locator("del")).to_have_text("large")
    expect(changes.locator("ins")).to_have_text("very large")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("version")).to_contain_text("v2")
    assert [each["version"] for each in api(page, f"/api/flows/{flow_id}/versions")] == [2, 1]


def test_what_forbids_publishing_leads_to_its_field(page: Page) -> None:
    opened(page, sorting())
    edit(page, "large", "value", "{{ nodes.nobody.text }}")
    page.get_by_test_id("node-small").click()
    page.get_by_test_id("publish-button").click()
    expect(page.get_by_test_id("publish-confirm")).to_be_disabled()
    expect(page.get_by_test_id("publish-problems")).to_contain_text("1 problem forbids publishing")
    page.get_by_test_id("publish-problem-0").click()
    expect(page.get_by_test_id("publish-dialog")).to_have_count(0)
    expect(page.get_by_test_id("field-value").locator("textarea")).to_be_focused()
    expect(page.get_by_test_id("field-value").locator("textarea")).to_have_value("{{ nodes.nobody.text }}")


def test_tests_that_fail_hold_a_version_back_unless_somebody_says_otherwise(page: Page) -> None:
    flow_id = opened(page, sorting())
    run = api(page, f"/api/flows/{flow_id}/runs", {"input": {"n": 50}, "wait": True})
    api(page, f"/api/runs/{run['id']}/test", {"name": "A big one"})
    page.reload()
    page.get_by_test_id("publish-button").click()
    state = page.get_by_test_id("publish-tests")
    expect(state).to_contain_text("not run yet")
    page.get_by_test_id("publish-run-tests").click()
    expect(state).to_have_text("1 passed, 0 failed", timeout=30_000)
    page.keyboard.press("Escape")
    edit(page, "large", "value", "huge")
    page.get_by_test_id("publish-button").click()
    expect(state).to_contain_text("edited since")
    page.get_by_test_id("publish-confirm").click()
    expect(page.get_by_test_id("publish-refusal")).to_contain_text("A big one", timeout=30_000)
    expect(page.get_by_test_id("version")).to_contain_text("Draft")
    page.get_by_role("switch", name="Publish only if all tests pass").click()
    page.get_by_test_id("publish-confirm").click()
    expect(page.get_by_test_id("version")).to_contain_text("v1")


def test_callers_that_would_break_are_named_and_publishing_asks_to_accept_it(page: Page) -> None:
    called = flow("Price", CALL, node("done", "output.result", value=1), edges="call>done")
    called["inputs"] = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}
    flow_id = opened(page, called)
    api(page, f"/api/flows/{flow_id}/publish", {})
    ask = node("ask", "logic.subflow", flow=flow_id, input={"n": 1})
    caller = flow("The shop window", CALL, ask, edges="call>ask")
    caller_id = api(page, "/api/flows/import", caller)["id"]
    api(page, f"/api/flows/{caller_id}/publish", {})
    wants = {"type": "object", "properties": {"n": {"type": "number"}, "m": {"type": "number"}}}
    edit_inputs = {"op": "flow.set", "name": "inputs", "value": {**wants, "required": ["n", "m"]}}
    operations = [{"op_id": flow_id, "op": edit_inputs}]
    api(
        page,
        f"/api/flows/{flow_id}/operations",
        {"client_id": "test", "base_revision": 0, "operations": operations},
    )
    page.reload()
    page.get_by_test_id("publish-button").click()
    expect(page.get_by_test_id("publish-warnings")).to_contain_text("The shop window")
    expect(page.get_by_test_id("publish-confirm")).to_have_text("Publish anyway")
    page.get_by_test_id("publish-confirm").click()
    expect(page.get_by_test_id("version")).to_contain_text("v2")
