"""What a hand does on the canvas, for tests of it: take, drag, drop; and what the document says afterwards."""

from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.e2e.documents import api
from tests.e2e.test_editor import node as card

Point = tuple[float, float]


def opened(page: Page, made: dict[str, Any], places: dict[str, Point]) -> str:
    made["view"] = {"nodes": {name: {"x": x, "y": y} for name, (x, y) in places.items()}}
    page.goto("/flows")
    flow_id = str(api(page, "/api/flows/import", made)["id"])
    page.goto(f"/flows/{flow_id}")
    expect(card(page, made["nodes"][0]["id"])).to_be_visible()
    return flow_id


def inside(body: dict[str, Any], container: str) -> dict[str, Any]:
    return {**body, "parent": container}


def hand_of(it: Locator) -> Point:
    """Where a hand takes a card or a frame: its title."""
    box = it.locator("strong").first.bounding_box()
    assert box is not None
    return box["x"] + min(30, box["width"] / 2), box["y"] + 8


def take(page: Page, start: Point) -> None:
    """A hand presses and moves a little before it goes anywhere."""
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(start[0] + 1, start[1] + 1)
    page.mouse.move(start[0], start[1])


def drag(page: Page, start: Point, end: Point) -> None:
    take(page, start)
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, steps=5)
    page.mouse.move(*end, steps=5)
    page.mouse.up()


def middle(it: Locator) -> Point:
    box = it.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def parents(document_: dict[str, Any]) -> dict[str, str]:
    return {each["id"]: each["parent"] for each in document_["nodes"] if each["parent"]}


def arrows(document_: dict[str, Any]) -> set[str]:
    return {f"{each['source']}.{each['source_port']}>{each['target']}" for each in document_["edges"]}
