"""What a person does on the canvas, and what the page does about it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect


def new_flow(page: Page, template: str = "support_triage") -> str:
    """A flow of the signed-in person, open on its canvas. Returns its id."""
    page.goto("/flows")
    page.get_by_test_id("new-flow").click()
    page.get_by_test_id(f"template-{template}").click()
    page.wait_for_url(re.compile(r"/flows/[0-9a-f-]{36}"))
    expect(page.locator(".pm-card").first).to_be_visible()
    return page.url.rstrip("/").rpartition("/")[2]


def blank_flow(page: Page) -> str:
    page.goto("/flows")
    page.get_by_test_id("new-flow").click()
    page.get_by_test_id("blank-task").click()
    page.wait_for_url(re.compile(r"/flows/[0-9a-f-]{36}"))
    expect(page.get_by_test_id("node-start")).to_be_visible()
    return page.url.rstrip("/").rpartition("/")[2]


def saved(page: Page) -> None:
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-state", "saved", timeout=15_000)


def document(page: Page, flow_id: str) -> dict[str, Any]:
    saved(page)
    flow: dict[str, Any] = page.request.get(f"/api/flows/{flow_id}").json()["document"]
    return flow


def node(page: Page, node_id: str) -> Locator:
    return page.get_by_test_id(f"node-{node_id}")


@pytest.fixture
def page(demo_page: Page) -> Page:
    return demo_page


def test_build_a_flow_from_nothing_and_run_it(page: Page) -> None:
    flow_id = blank_flow(page)
    node(page, "start").click()
    page.get_by_test_id("palette-search").fill("resu")
    page.get_by_test_id("palette-item-output.result").click()
    expect(node(page, "result")).to_be_visible()
    expect(page.get_by_test_id("inspector")).to_contain_text("The result of the run")
    value = page.get_by_test_id("field-value").locator("textarea")
    value.fill("Hello {{ nodes.nobody.text }}")
    expect(page.get_by_test_id("problems")).to_have_attribute("data-count", "1")
    expect(page.get_by_test_id("field-value")).to_contain_text("nobody")
    value.fill("Hello")
    expect(page.get_by_test_id("problems")).to_have_attribute("data-count", "0")

    page.get_by_test_id("run-button").click()
    page.get_by_test_id("run-start").click()
    expect(page.get_by_test_id("run-status")).to_have_attribute("data-status", "succeeded", timeout=20_000)
    expect(node(page, "result")).to_have_attribute("data-status", "succeeded")
    page.get_by_test_id("run-output").click()
    expect(page.locator(".pm-pop")).to_contain_text("Hello")
    flow = document(page, flow_id)
    assert [(edge["source"], edge["target"]) for edge in flow["edges"]] == [("start", "result")]


def test_every_edit_can_be_undone_and_redone(page: Page) -> None:
    flow_id = new_flow(page)
    before = document(page, flow_id)
    node(page, "answer").click()
    page.keyboard.press("Delete")
    expect(node(page, "answer")).to_have_count(0)
    changed = document(page, flow_id)
    assert len(changed["edges"]) == len(before["edges"]) - 2
    page.keyboard.press("Control+z")
    expect(node(page, "answer")).to_be_visible()
    assert document(page, flow_id) == before
    page.get_by_test_id("redo").click()
    expect(node(page, "answer")).to_have_count(0)
    assert document(page, flow_id) == changed


def test_copy_and_paste_keeps_what_is_between_the_nodes(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    flow_id = new_flow(page)
    node(page, "answer").click()
    node(page, "say_answer").click(modifiers=["Shift"])
    page.keyboard.press("Control+c")
    page.keyboard.press("Control+v")
    expect(node(page, "answer_2")).to_be_visible()
    flow = document(page, flow_id)
    copied = next(each for each in flow["nodes"] if each["id"] == "say_answer_2")
    assert copied["params"]["text"] == "{{ nodes.answer_2.text }}"
    assert ("answer_2", "say_answer_2") in [(edge["source"], edge["target"]) for edge in flow["edges"]]


def test_drag_a_node_in_move_it_and_connect_it(page: Page) -> None:
    flow_id = blank_flow(page)
    canvas = page.get_by_test_id("canvas")
    page.get_by_test_id("palette-item-logic.set").drag_to(canvas, target_position={"x": 700, "y": 500})
    expect(node(page, "set")).to_be_visible()
    start = node(page, "start").locator(".react-flow__handle.source")
    start.drag_to(node(page, "set").locator(".react-flow__handle.target"))
    expect(page.locator(".react-flow__edge")).to_have_count(1)
    before = document(page, flow_id)["view"]["nodes"]["set"]
    box = node(page, "set").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 90, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 190, box["y"] + 120, steps=6)
    page.mouse.up()
    page.wait_for_timeout(300)
    after = document(page, flow_id)["view"]["nodes"]["set"]
    assert after["x"] > before["x"]
    assert after["y"] > before["y"]


def test_a_circle_is_refused_while_drawing(page: Page) -> None:
    flow_id = new_flow(page, "answer_questions")
    edges = len(document(page, flow_id)["edges"])
    ids = [each["id"] for each in document(page, flow_id)["nodes"]]
    last = node(page, ids[-1]).locator(".react-flow__handle.source").first
    last.drag_to(node(page, ids[1]).locator(".react-flow__handle.target"))
    expect(page.get_by_test_id("toast")).to_contain_text("circle")
    assert len(document(page, flow_id)["edges"]) == edges


def test_a_problem_leads_to_its_field(page: Page) -> None:
    new_flow(page)
    node(page, "answer").click()
    page.get_by_test_id("field-prompt").locator("textarea").fill("{{ nodes.nobody.text }}")
    expect(node(page, "answer").locator(".pm-problem-mark")).to_be_visible()
    node(page, "topic").click()
    page.get_by_test_id("problems").click()
    page.get_by_test_id("problem-0").click()
    expect(page.get_by_test_id("field-prompt").locator("textarea")).to_be_focused()


def test_a_node_shows_what_came_of_it(page: Page) -> None:
    new_flow(page)
    page.get_by_test_id("run-button").click()
    page.get_by_test_id("field-message").locator("input, textarea").fill("How long is delivery?")
    page.get_by_test_id("run-start").click()
    expect(node(page, "answer")).to_have_attribute("data-status", "succeeded", timeout=20_000)
    expect(node(page, "say_sorry")).to_have_attribute("data-status", "skipped")
    node(page, "answer").click()
    last = page.get_by_test_id("last-run")
    expect(last).to_contain_text("two to four days")
    expect(last).to_contain_text("demo/assistant")
    page.get_by_test_id("tab-runs").click()
    expect(page.locator(".pm-run-row")).to_have_count(1)


def test_runs_started_elsewhere_are_drawn_live(page: Page) -> None:
    flow_id = new_flow(page)
    saved(page)
    expect(page.get_by_test_id("run-status")).to_have_attribute("data-status", "idle")
    page.wait_for_timeout(1_000)  # the page's connection has begun to listen; nothing on the page shows it
    origin = page.url.partition("/flows")[0]
    answer = page.request.post(
        f"/api/flows/{flow_id}/runs",
        data={"input": {"message": "I want my money back"}},
        headers={"origin": origin},
    )
    assert answer.ok
    expect(node(page, "say_refund")).to_have_attribute("data-status", "succeeded", timeout=20_000)


def test_two_people_edit_one_flow_and_lose_nothing(page: Page) -> None:
    flow_id = new_flow(page)
    saved(page)
    other = page.context.new_page()
    other.goto(page.url)
    expect(node(other, "answer")).to_be_visible()
    other.wait_for_timeout(1_000)
    node(page, "answer").click()
    page.get_by_test_id("inspector").get_by_label("Title of the node").fill("Ours")
    node(other, "answer").click()
    other.get_by_test_id("field-system").locator("textarea").fill("Theirs")
    expect(node(other, "answer")).to_contain_text("Ours")
    expect(page.get_by_test_id("field-system").locator("textarea")).to_have_value("Theirs")
    flow = document(page, flow_id)
    answer = next(each for each in flow["nodes"] if each["id"] == "answer")
    assert (answer["title"], answer["params"]["system"]) == ("Ours", "Theirs")


def test_edits_survive_a_lost_connection_and_a_reload(page: Page) -> None:
    flow_id = new_flow(page)
    saved(page)
    page.route("**/api/flows/*/operations*", lambda route: route.abort())
    node(page, "answer").click()
    page.get_by_test_id("inspector").get_by_label("Title of the node").fill("Written offline")
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-state", "offline")
    page.unroute("**/api/flows/*/operations*")
    page.reload()
    expect(node(page, "answer")).to_contain_text("Written offline")
    flow = document(page, flow_id)
    assert next(each for each in flow["nodes"] if each["id"] == "answer")["title"] == "Written offline"


def test_the_chat_remembers_its_session_and_begins_a_new_one(page: Page) -> None:
    new_flow(page)
    page.get_by_test_id("tab-chat").click()
    page.get_by_test_id("chat-input").fill("How long is delivery?")
    page.get_by_test_id("chat-input").press("Enter")
    answer = page.locator("[data-testid='chat-message'][data-role='assistant']")
    expect(answer).to_contain_text("two to four days", timeout=20_000)
    expect(page.get_by_test_id("chat-facts")).to_contain_text("demo/assistant")
    expect(page.get_by_test_id("chat-path")).to_contain_text("Answer")
    page.reload()
    page.get_by_test_id("tab-chat").click()
    expect(answer).to_contain_text("two to four days")
    page.get_by_test_id("chat-new").click()
    expect(answer).to_have_count(0)


def test_a_file_of_unknown_types_opens_and_leaves_as_it_came(page: Page, tmp_path: Path) -> None:
    text = (Path(__file__).parent.parent / "unit" / "flows_language" / "support_triage.flow.json").read_text(
        encoding="utf-8"
    )
    file = tmp_path / "triage.flow.json"
    file.write_text(text, encoding="utf-8")
    page.goto("/flows")
    expect(page.get_by_test_id("flow-list").locator(".pm-flow-row").first).to_be_visible()
    page.get_by_test_id("import-input").set_input_files(file)
    page.wait_for_url(re.compile(r"/flows/[0-9a-f-]{36}"))
    expect(page.locator(".pm-card[data-known='false']").first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_test_id("export-button").click()
    assert Path(download.value.path()).read_text(encoding="utf-8") == text


def test_a_broken_file_says_what_is_wrong_and_where(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text(json.dumps({"schema": "flow/1", "nodes": [{"id": "A B", "type": "x"}]}))
    page.goto("/flows")
    expect(page.get_by_test_id("flow-list").locator(".pm-flow-row").first).to_be_visible()
    page.get_by_test_id("import-input").set_input_files(file)
    expect(page.locator("#import-problem")).to_contain_text("nodes[0].id")


def test_the_flow_of_another_workspace_does_not_exist(page: Page, base_url: str) -> None:
    page.goto("/flows/0197aaaa-0000-7000-8000-000000000000")
    expect(page.get_by_test_id("flow-missing")).to_be_visible()
