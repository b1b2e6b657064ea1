"""Credentials and the triggers that use them: added, named by flows, replaced, deleted; webhooks that can be called."""

import re
import secrets
import subprocess

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.documents import api, flow, node

SECRET = "canary-4711"


@pytest.fixture
def page(demo_page: Page) -> Page:
    return demo_page


@pytest.fixture
def slot() -> str:
    return f"slot_{secrets.token_hex(4)}"


def row(page: Page, name: str) -> Locator:
    return page.get_by_test_id(f"credential-{name}")


def hook(**params: object) -> dict[str, object]:
    start = node("hook", "trigger.webhook", path="orders/new", **params)
    done = node("done", "output.result", value="{{ nodes.hook.body.hello }}")
    return flow("Hooked", start, done, edges="hook>done", kind="rule")


def opened(page: Page, document: dict[str, object], node_id: str) -> str:
    page.goto("/flows")
    flow_id = str(api(page, "/api/flows/import", document)["id"])
    page.goto(f"/flows/{flow_id}")
    page.get_by_test_id(f"node-{node_id}").click()
    return flow_id


def test_a_credential_is_added_replaced_and_deleted_and_never_shown(page: Page, slot: str) -> None:
    page.goto("/credentials")
    page.get_by_test_id("new-credential").click()
    page.get_by_test_id("credential-name").fill("9 lives")
    page.get_by_test_id("secret_token").fill(SECRET)
    page.get_by_test_id("save-credential").click()
    expect(page.get_by_role("dialog")).to_contain_text("Begin with a Latin letter")
    page.get_by_test_id("credential-name").fill(slot)
    page.get_by_test_id("credential-kind").select_option("basic")
    expect(page.get_by_test_id("secret_token")).to_have_count(0)
    page.get_by_test_id("secret_username").fill("ann")
    page.get_by_test_id("secret_password").fill(SECRET)
    page.get_by_test_id("save-credential").click()
    expect(row(page, slot)).to_contain_text("User and password")
    expect(row(page, slot)).to_contain_text("not used")

    page.get_by_test_id("new-credential").click()
    page.get_by_test_id("credential-name").fill(slot)
    page.get_by_test_id("secret_token").fill("x")
    page.get_by_test_id("save-credential").click()
    expect(page.get_by_role("dialog")).to_contain_text("already a credential called")
    page.keyboard.press("Escape")

    row(page, slot).get_by_test_id("replace").click()
    page.get_by_test_id("secret_username").fill("ann")
    page.get_by_test_id("secret_password").fill("another")
    page.get_by_test_id("save-credential").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.reload()
    expect(row(page, slot)).to_be_visible()
    assert SECRET not in page.content()

    row(page, slot).get_by_test_id("delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("No flow uses it")
    page.get_by_test_id("confirm-delete").click()
    expect(row(page, slot)).to_have_count(0)


def test_a_slot_without_a_credential_says_so_and_leads_to_the_form(page: Page, slot: str) -> None:
    call = node("call_api", "http.request", url="https://shop.example/", credential=slot)
    document = flow("Caller", node("start", "trigger.call"), call, edges="start>call_api")
    document["requires"] = {"credentials": [{"slot": slot, "kind": "bearer"}]}
    opened(page, document, "call_api")
    field = page.get_by_test_id("field-credential")
    expect(field.get_by_test_id("credential-empty")).to_contain_text(slot)
    with page.context.expect_page() as coming:
        field.get_by_test_id("credential-add").click()
    form = coming.value
    expect(form.get_by_test_id("credential-name")).to_have_value(slot)
    form.get_by_test_id("secret_token").fill(SECRET)
    form.get_by_test_id("save-credential").click()
    expect(row(form, slot).get_by_role("link", name="Caller")).to_be_visible()
    row(form, slot).get_by_test_id("delete").click()
    expect(form.get_by_test_id("used-by")).to_have_text("Caller")
    form.close()
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    expect(field.get_by_test_id("credential-empty")).to_have_count(0)


def test_a_chosen_credential_is_required_by_the_flow_in_one_edit(page: Page, slot: str) -> None:
    page.goto("/flows")
    api(page, "/api/credentials", {"name": slot, "kind": "bearer", "values": {"token": SECRET}})
    call = node("call_api", "http.request", url="https://shop.example/")
    flow_id = opened(
        page, flow("Caller", node("start", "trigger.call"), call, edges="start>call_api"), "call_api"
    )
    page.get_by_test_id("inspector").get_by_text("More", exact=True).click()
    page.get_by_test_id("field-credential").locator("select").select_option(slot)
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-state", "saved", timeout=15_000)
    expect(page.get_by_test_id("problems")).to_have_attribute("data-count", "0")
    document = api(page, f"/api/flows/{flow_id}")["document"]
    assert document["requires"]["credentials"] == [{"slot": slot, "kind": "bearer"}]
    page.get_by_test_id("undo").click()
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-state", "saved", timeout=15_000)
    expect(page.get_by_test_id("undo")).to_be_disabled()


@pytest.mark.parametrize("kind", ["none", "bearer", "hmac"])
def test_the_line_for_a_terminal_starts_the_flow(page: Page, slot: str, kind: str) -> None:
    page.goto("/flows")
    if kind != "none":
        values = {"token": SECRET} if kind == "bearer" else {"secret": SECRET}
        api(page, "/api/credentials", {"name": slot, "kind": kind, "values": values})
    opened(page, hook(reply="result"), "hook")
    if kind != "none":
        selects = page.get_by_test_id("field-auth").locator("select")
        selects.nth(0).select_option(kind)
        selects.nth(1).select_option(slot)
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-state", "saved", timeout=15_000)
    expect(page.get_by_test_id("problems")).to_have_attribute("data-count", "0")
    line = page.get_by_test_id("webhook-curl").inner_text()
    assert SECRET not in line
    ran = subprocess.run(
        ["/bin/sh", "-c", line],
        env={"PATH": "/usr/bin:/bin", "TOKEN": SECRET, "SECRET": SECRET, "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stdout == '"world"', ran.stdout + ran.stderr
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_test_id("webhook-url-copy").click()
    expect(page.get_by_test_id("webhook-url-copy")).to_have_attribute("aria-label", "Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.get_by_test_id("webhook-url").inner_text()


def test_a_schedule_is_read_aloud_with_its_next_moments(page: Page) -> None:
    clock = node("clock", "trigger.schedule", cron="0 9 * * 1-5", timezone="Asia/Tokyo")
    opened(page, flow("Weekdays", clock, node("done", "output.result", value=1), edges="clock>done"), "clock")
    reading = page.get_by_test_id("schedule-reading")
    expect(reading).to_contain_text("Monday – Friday at 09:00")
    moments = page.get_by_test_id("schedule-moment")
    expect(moments).to_have_count(3)
    for number in range(3):
        expect(moments.nth(number)).to_have_text(re.compile(r"^(Mon|Tue|Wed|Thu|Fri), \w+ \d+, 9:00\sAM$"))
    page.get_by_test_id("field-cron").get_by_role("button", name="Every hour").click()
    expect(reading).to_contain_text("Every hour")
    page.get_by_test_id("field-cron").locator("input").fill("nonsense")
    expect(reading).to_contain_text("This is no schedule")
