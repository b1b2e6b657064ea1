"""Containers on the canvas: frames one drops into, drags out of, moves and resizes."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.documents import CALL, flow, node
from tests.e2e.hands import arrows, drag, hand_of, inside, middle, opened, parents, take
from tests.e2e.test_editor import document, saved
from tests.e2e.test_editor import node as card


@pytest.fixture
def page(demo_page: Page) -> Page:
    return demo_page


def with_a_map(page: Page) -> str:
    made = flow(
        "Frames",
        CALL,
        node("each", "logic.map", items="{{ trigger.list }}"),
        node("say", "channel.send", text="{{ item }}"),
        edges="call>each call>say",
    )
    return opened(page, made, {"call": (0, 0), "each": (340, 0), "say": (0, 300)})


def test_a_node_is_dropped_into_a_frame_and_dragged_out_again(page: Page) -> None:
    flow_id = with_a_map(page)
    before = document(page, flow_id)
    frame = card(page, "each")
    start = hand_of(card(page, "say"))
    x, y = middle(frame)
    take(page, start)
    page.mouse.move(x, y + 30, steps=8)
    expect(frame).to_have_attribute("data-drop", "true")
    page.mouse.up()
    expect(page.get_by_test_id("toast")).to_contain_text("led across the frame's border")
    inner = document(page, flow_id)
    assert parents(inner) == {"say": "each"}
    assert arrows(inner) == {"call.out>each", "each.item>say"}

    # Moved a little inside of its frame it stays there.
    start = hand_of(card(page, "say"))
    drag(page, start, (start[0] + 40, start[1] + 20))
    assert parents(document(page, flow_id)) == {"say": "each"}

    box = frame.bounding_box()
    assert box is not None
    drag(page, hand_of(card(page, "say")), (box["x"] + 60, box["y"] + box["height"] + 160))
    outside = document(page, flow_id)
    assert parents(outside) == {}
    assert arrows(outside) == {"call.out>each"}
    for _ in range(3):
        page.keyboard.press("Control+z")
    assert document(page, flow_id) == before


def test_a_frame_moves_with_its_body_and_is_resized(page: Page) -> None:
    made = flow(
        "Nested",
        CALL,
        node("outer", "logic.map", items="{{ trigger.list }}"),
        inside(node("inner", "logic.loop", max_iterations=3), "outer"),
        inside(node("say", "logic.set"), "inner"),
        edges="call>outer outer.item>inner inner.body>say",
    )
    flow_id = opened(page, made, {"call": (0, 0), "outer": (320, 0), "inner": (420, 120), "say": (540, 240)})
    before = document(page, flow_id)["view"]["nodes"]
    start = hand_of(card(page, "outer"))
    drag(page, start, (start[0] + 60, start[1] + 60))
    after = document(page, flow_id)["view"]["nodes"]
    steps = {
        (after[name]["x"] - before[name]["x"], after[name]["y"] - before[name]["y"])
        for name in ("outer", "inner", "say")
    }
    assert len(steps) == 1, "all of it moved alike"
    assert steps != {(0, 0)}
    assert after["call"] == before["call"]

    # The body is canvas: a click there selects nothing of it, the head selects the frame.
    page.keyboard.press("Shift+Digit1")
    page.wait_for_timeout(300)
    card(page, "outer").locator("header").first.click()
    corner = card(page, "outer").locator(".react-flow__resize-control.handle.bottom.right").first
    at = middle(corner)
    drag(page, at, (at[0] + 60, at[1] + 40))
    sized = document(page, flow_id)["view"]["nodes"]["outer"]
    assert sized["width"] > 600
    assert sized["height"] > 300
    page.keyboard.press("Control+z")
    assert "width" not in document(page, flow_id)["view"]["nodes"]["outer"]


def test_what_one_drops_into_a_frame_another_sees_there(page: Page) -> None:
    flow_id = with_a_map(page)
    other = page.context.new_page()
    other.goto(f"/flows/{flow_id}")
    expect(card(other, "say")).to_be_visible()
    x, y = middle(card(page, "each"))
    drag(page, hand_of(card(page, "say")), (x, y + 30))
    start = hand_of(card(other, "call"))
    drag(other, start, (start[0] - 40, start[1] + 120))
    saved(page)
    saved(other)
    expect(other.locator(".react-flow__edge")).to_have_count(2)
    outer, inner = card(other, "each").bounding_box(), card(other, "say").bounding_box()
    assert outer is not None
    assert inner is not None
    assert outer["x"] < inner["x"]
    assert outer["y"] < inner["y"] < outer["y"] + outer["height"]
    other.close()
