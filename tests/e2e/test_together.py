"""Several people on one canvas, lost connections and crashed tabs, as a person meets them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Error, Page, expect

from tests.chaos.editing import fuzz, report, two_tabs
from tests.e2e.conftest import VIEWPORT, Stack
from tests.e2e.test_editor import document, new_flow, node, saved

OPERATIONS = "**/api/flows/*/operations*"


@pytest.fixture
def browsers(browser: Browser, base_url: str, signed_in: Path) -> Iterator[Callable[[], BrowserContext]]:
    """Further browsers of the demo person."""
    contexts: list[BrowserContext] = []

    def another() -> BrowserContext:
        contexts.append(
            browser.new_context(base_url=base_url, locale="en-US", viewport=VIEWPORT, storage_state=signed_in)
        )
        return contexts[-1]

    yield another
    for context in contexts:
        context.close()


@pytest.fixture
def page(demo_page: Page) -> Page:
    return demo_page


def opened(context: BrowserContext, flow_id: str) -> Page:
    page = context.new_page()
    page.goto(f"/flows/{flow_id}")
    expect(node(page, "answer")).to_be_visible()
    return page


def meet(*pages: Page) -> None:
    """Each sees that somebody else is there: from then on they hear each other."""
    for page in pages:
        expect(page.get_by_test_id("people").locator("li")).to_have_count(len(pages) - 1, timeout=15_000)


def rename(page: Page, node_id: str, name: str) -> None:
    node(page, node_id).click()
    page.get_by_test_id("inspector").get_by_label("Title of the node").fill(name)


def crash(page: Page) -> None:
    try:
        page.goto("chrome://crash", timeout=5_000)
    except Error:
        page.close()


def test_others_are_seen_with_their_cursor_and_what_they_selected(
    page: Page, browsers: Callable[[], BrowserContext]
) -> None:
    flow_id = new_flow(page)
    other = opened(browsers(), flow_id)
    meet(page, other)
    hue = page.get_by_test_id("people").locator(".pm-face").get_attribute("data-hue")
    node(other, "answer").click()
    expect(page.get_by_test_id("ring-answer")).to_be_visible()
    box = other.get_by_test_id("canvas").bounding_box()
    assert box is not None
    other.mouse.move(box["x"] + 600, box["y"] + 600, steps=4)
    cursor = page.get_by_test_id("cursor")
    expect(cursor).to_have_attribute("data-hue", str(hue))
    before = cursor.get_attribute("style")
    other.mouse.move(box["x"] + 700, box["y"] + 620, steps=4)
    expect(cursor).not_to_have_attribute("style", str(before))
    other.locator("a[href='/runs']").first.click()
    expect(page.get_by_test_id("people")).to_have_count(0, timeout=15_000)
    expect(cursor).to_have_count(0)
    other.go_back()
    expect(node(other, "answer")).to_be_visible()
    meet(page, other)


def test_a_page_that_is_idle_says_nothing(page: Page, browsers: Callable[[], BrowserContext]) -> None:
    flow_id = new_flow(page)
    other_context = browsers()
    sent: list[str] = []
    other = other_context.new_page()
    other.on(
        "websocket", lambda socket: socket.on("framesent", lambda payload: sent.append(str(payload)[:400]))
    )
    other.goto(f"/flows/{flow_id}")
    meet(page, other)
    box = other.get_by_test_id("canvas").bounding_box()
    assert box is not None
    other.mouse.move(box["x"] + 500, box["y"] + 500)
    expect(page.get_by_test_id("cursor")).to_be_visible()
    for step in range(100):
        other.mouse.move(box["x"] + 500 + step, box["y"] + 500)
        other.wait_for_timeout(10)
    said = [each for each in sent if "present" in each]
    assert 2 <= len(said) <= 40  # a hundred moves in a second or more
    other.wait_for_timeout(500)
    sent.clear()
    other.wait_for_timeout(3_000)
    assert [each for each in sent if "present" in each] == []


def parted(page: Page, browsers: Callable[[], BrowserContext]) -> tuple[str, BrowserContext, Page]:
    """A new flow on two pages that have seen each other; the second has lost its connection."""
    flow_id = new_flow(page)
    saved(page)
    context = browsers()
    other = opened(context, flow_id)
    meet(page, other)
    context.set_offline(True)
    return flow_id, context, other


def test_who_overwrites_a_field_unseen_is_named_and_mine_comes_back(
    page: Page, browsers: Callable[[], BrowserContext]
) -> None:
    flow_id, context, other = parted(page, browsers)
    rename(other, "answer", "Theirs")
    rename(page, "answer", "Mine")
    saved(page)
    context.set_offline(False)
    expect(node(page, "answer")).to_contain_text("Theirs", timeout=20_000)
    aside = page.get_by_test_id("aside")
    expect(aside).to_have_attribute("data-why", "overwritten")
    aside.get_by_test_id("aside-take").click()
    expect(node(page, "answer")).to_contain_text("Mine")
    expect(aside).to_have_count(0)
    expect(node(other, "answer")).to_contain_text("Mine")
    answer = next(each for each in document(page, flow_id)["nodes"] if each["id"] == "answer")
    assert answer["title"] == "Mine"


def test_editing_what_another_removes_is_told_and_an_undo_brings_back_both(
    page: Page, browsers: Callable[[], BrowserContext]
) -> None:
    flow_id, context, other = parted(page, browsers)
    rename(other, "answer", "Edited meanwhile")
    node(page, "answer").click()
    page.keyboard.press("Delete")
    saved(page)
    context.set_offline(False)
    expect(other.get_by_test_id("aside")).to_have_attribute("data-why", "gone", timeout=20_000)
    expect(node(other, "answer")).to_have_count(0)
    page.get_by_test_id("undo").click()
    expect(node(page, "answer")).to_contain_text("Edited meanwhile", timeout=15_000)
    expect(other.get_by_test_id("aside")).to_have_count(0)
    flow = document(page, flow_id)
    assert next(each for each in flow["nodes"] if each["id"] == "answer")["title"] == "Edited meanwhile"
    assert [edge for edge in flow["edges"] if "answer" in (edge["source"], edge["target"])]


def test_offline_says_how_many_edits_wait_and_a_crashed_tab_loses_none(page: Page) -> None:
    flow_id = new_flow(page)
    saved(page)
    page.route(OPERATIONS, lambda route: route.abort())
    rename(page, "answer", "Written before the crash")
    rename(page, "topic", "This as well")
    state = page.get_by_test_id("save-state")
    expect(state).to_have_attribute("data-state", "offline")
    expect(state).to_contain_text("2 edits wait")
    context = page.context
    crash(page)
    again = opened(context, flow_id)
    expect(node(again, "answer")).to_contain_text("Written before the crash", timeout=15_000)
    titles = {each["id"]: each["title"] for each in document(again, flow_id)["nodes"]}
    assert (titles["answer"], titles["topic"]) == ("Written before the crash", "This as well")


def test_what_a_gone_tab_left_and_cannot_be_kept_is_told_and_can_be_copied(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    flow_id = new_flow(page)
    saved(page)
    page.route(OPERATIONS, lambda route: route.abort())
    rename(page, "answer", "Nobody has seen this")
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-state", "offline")
    context = page.context
    origin = page.url.partition("/flows")[0]
    crash(page)
    removed = context.request.post(
        f"/api/flows/{flow_id}/operations",
        data={
            "client_id": "somebody",
            "base_revision": 1,
            "operations": [{"op_id": "gone", "op": {"op": "node.remove", "id": "answer"}}],
        },
        headers={"origin": origin},
    )
    assert removed.ok, removed.text()
    again = context.new_page()
    again.goto(f"/flows/{flow_id}")
    aside = again.get_by_test_id("aside")
    expect(aside).to_contain_text("could not be kept", timeout=15_000)
    aside.get_by_test_id("aside-copy").click()
    assert again.evaluate("navigator.clipboard.readText()") == "Nobody has seen this"
    aside.get_by_test_id("aside-dismiss").click()
    expect(aside).to_have_count(0)
    again.reload()
    expect(node(again, "topic")).to_be_visible()
    expect(aside).to_have_count(0)


def test_a_browser_that_keeps_nothing_says_so_and_asks_before_edits_are_lost(page: Page) -> None:
    page.add_init_script(
        "Object.defineProperty(window, 'indexedDB', { get() { throw new Error('denied') } })"
    )
    flow_id = new_flow(page)
    expect(page.get_by_test_id("toast")).to_contain_text("keeps nothing")
    page.route(OPERATIONS, lambda route: route.abort())
    rename(page, "answer", "Only in this page")
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-state", "offline")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.close(run_before_unload=True)
    expect(node(page, "answer")).to_contain_text("Only in this page")
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    page.unroute(OPERATIONS)
    answer = next(each for each in document(page, flow_id)["nodes"] if each["id"] == "answer")
    assert answer["title"] == "Only in this page"


def test_the_saved_word_tells_who_changed_what(page: Page) -> None:
    new_flow(page)
    rename(page, "answer", "Renamed by me")
    saved(page)
    page.get_by_test_id("save-state").click()
    changes = page.get_by_test_id("changes")
    expect(changes).to_contain_text("Renamed to Renamed by me")
    page.keyboard.press("Escape")
    expect(changes).to_have_count(0)
    node(page, "topic").click()
    page.get_by_test_id("save-state").click()
    changes.get_by_role("button", name="Renamed to Renamed by me").click()
    expect(page.get_by_test_id("inspector").get_by_label("Title of the node")).to_have_value("Renamed by me")


def test_two_tabs_under_random_edits_end_alike_and_lose_none(
    browser: Browser, stack: Stack, signed_in: Path
) -> None:
    tabs, flow_id = two_tabs(browser, stack, signed_in)
    try:
        found = fuzz(tabs, flow_id, 150, seed=4)
    finally:
        for tab in tabs:
            tab.context.close()
    report(found, 4)
    assert found.wrong == []
    assert found.events["offline"]
    assert found.events["crash"] or found.events["reload"]
