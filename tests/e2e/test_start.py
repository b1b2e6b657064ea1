"""What a person meets first: the address that was printed shows a page, and says who it is."""

import re

import httpx
from playwright.sync_api import Page, expect


def test_the_printed_address_shows_the_product(page: Page, base_url: str) -> None:
    page.goto(base_url)
    expect(page).to_have_title(re.compile("Prometey"), timeout=15_000)
    page.wait_for_url("**/login")
    expect(page.get_by_test_id("submit")).to_be_enabled()


def test_an_unknown_address_is_not_found_and_a_flow_address_is_a_page(base_url: str) -> None:
    assert httpx.get(f"{base_url}/no/such/page").status_code == 404
    assert httpx.get(f"{base_url}/flows/0197-some-flow").status_code == 200


def test_a_page_is_served_at_its_own_address(base_url: str) -> None:
    for path in ("/", "/login", "/signup", "/flows", "/settings"):
        answer = httpx.get(f"{base_url}{path}")
        assert (path, answer.status_code) == (path, 200)
