"""The journey of a new person: sign up, build from a template, run, chat, export, run the file by API key."""

import json
import re
import secrets
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect


def test_from_sign_up_to_an_api_run(page: Page, base_url: str, tmp_path: Path) -> None:
    email = f"ann-{secrets.token_hex(4)}@example.com"
    page.goto(f"{base_url}/signup")
    page.get_by_test_id("name").fill("Ann")
    page.get_by_test_id("email").fill(email)
    page.get_by_test_id("password").fill("correct horse")
    page.get_by_test_id("submit").click()
    page.wait_for_url("**/flows")

    page.get_by_test_id("new-flow").click()
    page.get_by_test_id("template-answer_questions").click()
    page.wait_for_url(re.compile(r"/flows/[0-9a-f-]{36}"))
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-state", "saved")
    expect(page.locator("[data-testid^='node-']").first).to_be_visible()

    # change it: the reply gets a postscript
    reply = page.locator("[data-testid^='node-']", has_text="Reply").first
    reply.click()
    field = page.get_by_test_id("field-text").locator("textarea, [contenteditable], input").first
    field.press("End")
    field.press_sequentially(" — Prometey")
    expect(page.get_by_test_id("save-state")).to_have_attribute("data-state", "saved", timeout=10_000)

    # chat with it
    page.get_by_role("tab", name="Test chat").click()
    page.get_by_test_id("chat-input").fill("When are you open?")
    page.get_by_test_id("chat-send").click()
    answer = page.locator("[data-testid='chat-message'][data-role='assistant']").last
    expect(answer).to_contain_text("— Prometey", timeout=30_000)
    expect(reply).to_have_attribute("data-status", "succeeded")

    # export it, and run the very file by API key
    with page.expect_download() as download:
        page.get_by_test_id("export-button").click()
    exported = tmp_path / "flow.json"
    download.value.save_as(exported)
    flow = json.loads(exported.read_text())
    assert flow["schema"] == "flow/1"

    with httpx.Client(base_url=base_url, timeout=60) as client:
        login = client.post("/api/auth/login", json={"email": email, "password": "correct horse"}).json()
        key = client.post(
            "/api/api-keys",
            json={"name": "journey"},
            headers={"authorization": f"Bearer {login['access_token']}"},
        ).json()["key"]
        run = client.post(
            "/api/runs",
            json={"flow": flow, "input": {"message": "When are you open?"}, "wait": True},
            headers={"authorization": f"Bearer {key}"},
        )
    assert run.status_code == 201, run.text
    assert run.json()["status"] == "succeeded"
    assert "— Prometey" in run.json()["messages"][-1]["text"]
