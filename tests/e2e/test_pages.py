"""The pages around the canvas: coming in, the list of flows, settings, languages and themes."""

import re
import secrets

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Stack

PASSWORD = "correct horse"


def sign_up(page: Page, email: str, password: str = PASSWORD) -> None:
    page.goto("/signup")
    page.get_by_test_id("name").fill("Ann")
    page.get_by_test_id("email").fill(email)
    page.get_by_test_id("password").fill(password)
    page.get_by_test_id("submit").click()


def address() -> str:
    return f"ann-{secrets.token_hex(4)}@example.com"


def test_a_new_person_begins_with_an_empty_list(page: Page) -> None:
    sign_up(page, address())
    page.wait_for_url("**/flows")
    expect(page.get_by_test_id("flow-list")).to_contain_text("No flows yet")
    page.get_by_test_id("new-flow-here").click()
    expect(page.get_by_role("dialog").get_by_test_id("template-answer_questions")).to_be_visible()


def test_what_is_wrong_with_a_sign_up_stands_under_its_field(page: Page, stack: Stack) -> None:
    sign_up(page, address(), "short")
    expect(page.get_by_role("group").filter(has=page.get_by_test_id("password"))).to_contain_text("8")
    sign_up(page, stack.demo[0])
    expect(page.get_by_role("group").filter(has=page.get_by_test_id("email"))).to_contain_text("already")
    expect(page).to_have_url(re.compile("/signup"))


def test_a_form_cannot_be_sent_before_the_page_is_live(browser: Browser, base_url: str) -> None:
    """A browser that sends a form by itself puts the password into the address."""
    context = browser.new_context(base_url=base_url, java_script_enabled=False)
    page = context.new_page()
    for path in ("/login", "/signup"):
        page.goto(path)
        expect(page.get_by_test_id("submit")).to_be_disabled()
    context.close()


def test_a_wrong_password_is_a_sentence_and_no_way_in(page: Page, stack: Stack) -> None:
    page.goto("/login")
    page.get_by_test_id("email").fill(stack.demo[0])
    page.get_by_test_id("password").fill("not this one")
    page.get_by_test_id("submit").click()
    expect(page.get_by_test_id("form-problem")).to_be_visible()
    page.goto("/flows")
    page.wait_for_url(re.compile("/login.next="))


def test_signing_in_leads_to_the_page_that_was_wanted_and_out_again(page: Page, stack: Stack) -> None:
    page.goto("/settings")
    page.wait_for_url(re.compile("/login.next="))
    page.get_by_test_id("email").fill(stack.demo[0])
    page.get_by_test_id("password").fill(stack.demo[1])
    page.get_by_test_id("submit").click()
    page.wait_for_url("**/settings")
    page.get_by_test_id("account").click()
    page.get_by_test_id("sign-out").click()
    page.wait_for_url("**/login")
    page.goto("/flows")
    page.wait_for_url(re.compile("/login.next="))


def test_a_flow_can_be_found_duplicated_deleted_and_brought_back(page: Page) -> None:
    sign_up(page, address())
    page.wait_for_url("**/flows")
    page.get_by_test_id("new-flow").click()
    page.get_by_test_id("template-summarize_text").click()
    page.wait_for_url(re.compile(r"/flows/[0-9a-f-]{36}"))
    page.goto("/flows")
    rows = page.locator(".pm-flow-row")
    expect(rows).to_have_count(1)
    rows.first.get_by_role("button").click()
    page.get_by_test_id("duplicate").click()
    expect(rows).to_have_count(2)
    page.get_by_test_id("flow-search").fill("nothing like it")
    expect(rows).to_have_count(0)
    page.get_by_test_id("flow-search").fill("summ")
    expect(rows).to_have_count(2)
    page.get_by_test_id("kind-filter").select_option("agent")
    expect(rows).to_have_count(0)
    page.get_by_test_id("kind-filter").select_option("")
    expect(rows).to_have_count(2)
    rows.first.get_by_role("button").click()
    page.get_by_test_id("delete").click()
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(rows).to_have_count(2)


def test_the_list_is_worked_by_keys(page: Page) -> None:
    sign_up(page, address())
    page.wait_for_url("**/flows")
    expect(page.get_by_test_id("flow-list")).to_contain_text("No flows yet")
    page.keyboard.press("n")
    page.get_by_test_id("template-answer_questions").press("Enter")
    page.wait_for_url(re.compile(r"/flows/[0-9a-f-]{36}"))
    page.goto("/flows")
    expect(page.locator(".pm-flow-row")).to_have_count(1)
    page.keyboard.press("/")
    expect(page.get_by_test_id("flow-search")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/flows/[0-9a-f-]{36}"))


def test_a_key_is_shown_once_works_and_can_be_revoked(demo_page: Page, base_url: str) -> None:
    page = demo_page
    page.goto("/settings")
    page.locator("#key_name").fill("robot")
    page.get_by_test_id("create-key").click()
    key = page.get_by_test_id("new-key").inner_text()
    headers = {"authorization": f"Bearer {key}"}
    assert page.request.get("/api/flows", headers=headers).ok
    page.reload()
    expect(page.locator(".pm-key-row", has_text="robot")).to_be_visible()
    expect(page.get_by_test_id("new-key")).to_have_count(0)
    page.locator(".pm-key-row", has_text="robot").get_by_role("button").click()
    expect(page.locator(".pm-key-row", has_text="robot")).to_have_count(0)
    context = page.context.browser
    assert context is not None
    stranger = context.new_context(base_url=base_url)
    assert stranger.request.get("/api/flows", headers=headers).status == 401
    stranger.close()


def test_the_language_changes_at_once_and_stays(page: Page) -> None:
    sign_up(page, address())
    page.wait_for_url("**/flows")
    page.goto("/settings")
    page.get_by_test_id("language-ru").click()
    expect(page.get_by_role("heading", name="Настройки")).to_be_visible()
    page.goto("/flows")
    expect(page.get_by_test_id("flow-search")).to_have_attribute("placeholder", "Найти поток")
    page.get_by_test_id("new-flow").click()
    page.get_by_test_id("template-answer_questions").click()
    page.wait_for_url(re.compile(r"/flows/[0-9a-f-]{36}"))
    expect(page.get_by_test_id("palette-search")).to_have_attribute("placeholder", "Найти узел")
    expect(page.get_by_test_id("flow-name")).to_have_value("Ответы на вопросы")


@pytest.mark.parametrize(
    ("locale", "title"), [("ru-RU", "Вход в Prometey"), ("en-GB", "Sign in to Prometey")]
)
def test_a_stranger_is_greeted_in_the_browsers_language(
    browser: Browser, base_url: str, locale: str, title: str
) -> None:
    context = browser.new_context(base_url=base_url, locale=locale)
    page = context.new_page()
    page.goto("/login")
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    context.close()


def test_the_theme_changes_at_once_and_stays(demo_page: Page) -> None:
    page = demo_page
    page.goto("/settings")
    page.get_by_test_id("theme-dark").click()
    expect(page.locator("html")).to_have_class(re.compile("dark"))
    page.reload()
    expect(page.locator("html")).to_have_class(re.compile("dark"))
    page.get_by_test_id("theme-light").click()
    expect(page.locator("html")).to_have_class(re.compile("light"))


MEASURE = (
    "window.moved = 0; new PerformanceObserver((list) => { for (const each of list.getEntries())"
    " if (!each.hadRecentInput) window.moved += each.value }).observe({type: 'layout-shift', buffered: true})"
)


def settled(page: Page, path: str, sign: str) -> float:
    """The browser's own measure: the sum of all shifts without a person's doing, once `sign` is there."""
    page.add_init_script(MEASURE)
    page.goto(path)
    expect(page.locator(sign).first).to_be_visible()
    page.wait_for_load_state("networkidle")
    moved: float = page.evaluate("window.moved")
    return moved


@pytest.mark.parametrize("path", ["/login", "/signup"])
def test_nothing_moves_while_a_form_loads(page: Page, path: str) -> None:
    assert settled(page, path, "[data-testid=submit]") < 0.001


@pytest.mark.parametrize(
    ("path", "sign"), [("/flows", ".pm-flow-row"), ("/settings", ".pm-person:has-text('demo@')")]
)
def test_nothing_moves_while_a_page_loads(demo_page: Page, path: str, sign: str) -> None:
    assert settled(demo_page, path, sign) < 0.001


def test_nothing_moves_while_a_flow_loads(demo_page: Page) -> None:
    demo_page.goto("/flows")
    path = demo_page.locator(".pm-flow-link").first.get_attribute("href")
    assert path is not None
    assert settled(demo_page, path, ".pm-card") < 0.001


def test_an_owner_sets_the_workspaces_budget(page: Page) -> None:
    sign_up(page, address())
    page.wait_for_url("**/flows")
    page.goto("/settings")
    expect(page.get_by_test_id("budget-spent")).to_contain_text("0.00 USD")
    page.get_by_test_id("budget_calls").fill("many")
    page.get_by_test_id("save-budget").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_test_id("budget_calls").fill("")
    page.get_by_test_id("budget_usd").fill("12.5")
    page.get_by_test_id("save-budget").click()
    expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    page.reload()
    expect(page.get_by_test_id("budget_usd")).to_have_value("12.5")
    expect(page.get_by_test_id("budget_calls")).to_have_value("")
