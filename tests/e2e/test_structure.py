"""How a person builds on the canvas: edges that take a node in, lining up, groups, notes, sub-flows."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.documents import CALL, api, flow, node
from tests.e2e.hands import arrows, drag, hand_of, inside, middle, opened, take
from tests.e2e.test_editor import document, saved
from tests.e2e.test_editor import node as card


@pytest.fixture
def page(demo_page: Page) -> Page:
    return demo_page


def line(page: Page) -> str:
    made = flow(
        "Line", CALL, node("first", "logic.set"), node("second", "logic.set"), edges="call>first first>second"
    )
    return opened(page, made, {"call": (0, 0), "first": (400, 0), "second": (800, 0)})


def test_an_edge_takes_a_node_in(page: Page) -> None:
    flow_id = line(page)
    start, end = middle(card(page, "call")), middle(card(page, "first"))
    page.mouse.move((start[0] + end[0]) / 2, card(page, "call").bounding_box()["y"] + 20)  # type: ignore[index]
    page.get_by_test_id("edge-insert").click()
    page.get_by_test_id("quick-search").fill("wait")
    page.get_by_test_id("quick-item-time.wait").click()
    expect(card(page, "wait")).to_be_visible()
    saved(page)
    assert {"call.out>wait", "wait.out>first"} <= arrows(document(page, flow_id))

    edge = page.locator(".react-flow__edge").last.locator("path").first
    page.get_by_test_id("palette-search").fill("split")
    page.get_by_test_id("palette-item-logic.split_test").hover()
    page.mouse.down()
    x, y = middle(edge)
    page.mouse.move(x, y + 5, steps=4)
    page.mouse.move(x, y, steps=2)
    page.mouse.up()
    expect(card(page, "split_test")).to_be_visible()
    flow_ = document(page, flow_id)
    assert [each["target"] for each in flow_["edges"] if each["source"] == "split_test"], flow_["edges"]
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert arrows(document(page, flow_id)) == {"call.out>first", "first.out>second"}


def test_a_node_is_switched_off_replaced_and_duplicated_from_its_menu(page: Page) -> None:
    flow_id = line(page)
    card(page, "first").click(button="right")
    page.get_by_test_id("action-disable").click()
    expect(card(page, "first")).to_have_attribute("data-enabled", "false")
    page.keyboard.press("d")
    expect(card(page, "first")).to_have_attribute("data-enabled", "true")

    card(page, "first").click(button="right")
    page.get_by_test_id("action-replace").click()
    page.get_by_test_id("quick-search").fill("wait")
    page.get_by_test_id("quick-item-time.wait").click()
    flow_ = document(page, flow_id)
    assert {each["id"]: each["type"] for each in flow_["nodes"]}["first"] == "time.wait"
    assert arrows(flow_) == {"call.out>first", "first.out>second"}

    card(page, "second").click(button="right")
    page.get_by_test_id("action-duplicate").click()
    expect(card(page, "second_2")).to_be_visible()
    page.mouse.click(*middle(page.locator(".pm-minimap")))  # anywhere else
    card(page, "second_2").click(button="right")
    page.get_by_test_id("action-remove").click()
    expect(card(page, "second_2")).to_have_count(0)


def select(page: Page, *ids: str) -> None:
    for number, name in enumerate(ids):
        page.mouse.move(*hand_of(card(page, name)))
        card(page, name).click(modifiers=["Shift"] if number else [])


def test_nodes_are_lined_up_spaced_out_and_snapped(page: Page) -> None:
    made = flow("Loose", CALL, node("a", "logic.set"), node("b", "logic.set"), edges="")
    flow_id = opened(page, made, {"call": (0, 0), "a": (300, 60), "b": (900, 130)})
    select(page, "call", "a", "b")
    page.get_by_test_id("bar-align_top").click()
    places = document(page, flow_id)["view"]["nodes"]
    assert {place["y"] for place in places.values()} == {0}
    page.keyboard.press("Alt+Shift+h")
    places = document(page, flow_id)["view"]["nodes"]
    assert places["a"]["x"] == 450
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert document(page, flow_id)["view"]["nodes"]["b"] == {"x": 900, "y": 130}

    page.keyboard.press("Escape")
    page.locator(".react-flow__pane").click(position={"x": 700, "y": 600})
    start, other = hand_of(card(page, "b")), hand_of(card(page, "a"))
    take(page, start)
    page.mouse.move(start[0], other[1] + 1, steps=10)
    expect(page.get_by_test_id("guide-y")).to_be_visible()
    page.mouse.up()
    expect(page.get_by_test_id("guide-y")).to_have_count(0)
    assert document(page, flow_id)["view"]["nodes"]["b"]["y"] == 60


def test_arrow_keys_move_a_node_and_that_is_kept(page: Page) -> None:
    flow_id = line(page)
    before = document(page, flow_id)["view"]["nodes"]["first"]
    page.locator('.react-flow__node[data-id="first"]').focus()
    page.keyboard.press("Enter")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    after = document(page, flow_id)["view"]["nodes"]["first"]
    assert after["y"] > before["y"]
    assert after["x"] == before["x"]


def test_everything_is_tidied_up_in_one_step(page: Page) -> None:
    made = flow(
        "Untidy",
        CALL,
        node("each", "logic.map", items="{{ trigger.list }}"),
        inside(node("a", "logic.set"), "each"),
        inside(node("b", "logic.set"), "each"),
        node("end", "output.result"),
        edges="call>each each.item>a a>b each.done>end",
    )
    scattered = {"call": (600, 500), "each": (0, 0), "a": (200, 400), "b": (120, 180), "end": (300, 120)}
    flow_id = opened(page, made, scattered)
    before = document(page, flow_id)
    page.get_by_test_id("tidy").click()
    page.wait_for_timeout(500)
    boxes = {name: card(page, name).bounding_box() for name in scattered}
    frame = boxes["each"]
    assert frame is not None
    for name in ("a", "b"):
        box = boxes[name]
        assert box is not None
        assert frame["x"] < box["x"]
        assert box["x"] + box["width"] < frame["x"] + frame["width"]
    order = [boxes[name]["x"] for name in ("call", "each", "a", "b", "end")]  # type: ignore[index]
    assert order == sorted(order)
    page.keyboard.press("Control+z")
    assert document(page, flow_id) == before


def test_a_group_has_a_name_and_moves_what_it_holds(page: Page) -> None:
    flow_id = line(page)
    select(page, "first", "second")
    page.get_by_test_id("bar-group").click()
    group = page.locator(".pm-group")
    expect(group).to_be_visible()
    group.locator(".pm-group-name").dblclick()
    group.locator("input").fill("Preparation")
    page.keyboard.press("Enter")
    before = document(page, flow_id)
    assert before["view"]["groups"][0]["title"] == "Preparation"
    assert before["view"]["groups"][0]["nodes"] == ["first", "second"]
    start = middle(group.locator(".pm-group-name"))
    drag(page, (start[0] + 60, start[1]), (start[0] + 60, start[1] + 120))
    after = document(page, flow_id)["view"]["nodes"]
    steps = {after[name]["y"] - before["view"]["nodes"][name]["y"] for name in ("first", "second")}
    assert len(steps) == 1
    assert steps.pop() > 0
    card(page, "first").click(button="right")
    page.get_by_test_id("action-ungroup").click()
    expect(group).to_have_count(0)


def test_a_note_reads_as_markdown_and_runs_nothing_of_it(page: Page) -> None:
    flow_id = line(page)
    page.get_by_role("button", name="Add a note").click()
    note = page.locator(".pm-note")
    note.locator("textarea").fill(
        "## Plan\n\n- one\n- **two**\n\n<img src=x onerror=\"document.title='owned'\">\n\n[bad](javascript:alert(1))"
    )
    page.locator(".react-flow__pane").click(position={"x": 700, "y": 650})
    expect(note.locator("h2")).to_have_text("Plan")
    expect(note.locator("li")).to_have_count(2)
    expect(note.locator("img")).to_have_count(0)
    assert not (note.locator("a").get_attribute("href") or "").startswith("javascript")
    assert "owned" not in page.title()
    note.locator("h2").dblclick()
    expect(note.locator("textarea")).to_be_focused()
    saved(page)
    assert document(page, flow_id)["view"]["notes"][0]["text"].startswith("## Plan")


def test_a_selection_becomes_a_sub_flow_that_runs(page: Page) -> None:
    made = flow(
        "Sums",
        node("call", "trigger.call"),
        node("twice", "logic.set", output={"value": "{{ trigger.number | times: 2 }}"}),
        node("more", "logic.set", output={"value": "{{ input.value | plus: trigger.number }}"}),
        node("end", "output.result", value="{{ nodes.more.value }}"),
        edges="call>twice twice>more more>end",
    )
    made["inputs"] = {"type": "object", "properties": {"number": {"type": "number"}}, "required": ["number"]}
    flow_id = opened(page, made, {"call": (0, 0), "twice": (400, 0), "more": (800, 0), "end": (1200, 0)})
    before = document(page, flow_id)
    whole = api(page, f"/api/flows/{flow_id}/runs", {"input": {"number": 5}, "wait": True, "draft": True})
    select(page, "twice", "more")
    page.keyboard.press("Control+Alt+g")
    expect(card(page, "subflow")).to_be_visible()
    expect(page.get_by_test_id("toast")).to_contain_text("flow of its own")
    after = document(page, flow_id)
    assert arrows(after) == {"call.out>subflow", "subflow.out>end"}
    run = api(page, f"/api/flows/{flow_id}/runs", {"input": {"number": 5}, "wait": True, "draft": True})
    assert run["status"] == "succeeded", run
    assert run["output"] == whole["output"] == "15"

    card(page, "subflow").click(button="right")
    page.get_by_test_id("action-peek").click()
    peek = page.get_by_test_id("subflow-peek")
    expect(peek.get_by_test_id("node-twice")).to_be_visible()
    expect(peek.get_by_test_id("node-more")).to_contain_text("Set values")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+z")
    expect(card(page, "more")).to_be_visible()
    assert document(page, flow_id) == before
