"""What people do with runs in the browser: approve, take over, answer, cancel, replay, read a dead letter."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import ROOT, Stack
from tests.e2e.documents import CALL, api, flow, node, start
from tests.e2e.test_survival import part_pid


def ask(page: Page, title: str) -> Locator:
    """A request chosen in the list: its details."""
    page.locator(".pm-inbox-row", has_text=title).first.click()
    card = page.locator(".pm-ask", has_text=title)
    expect(card).to_be_visible()
    return card


def test_a_person_approves_with_a_form(demo_page: Page) -> None:
    form = {"type": "object", "properties": {"sum": {"type": "number", "title": "Sum"}}, "required": ["sum"]}
    asked = node("ask", "human.approval", question="Refund {{ input.who }}?", allow_self=True, form=form)
    done = node("done", "output.result", value="{{ nodes.ask.form.sum }}")
    run_id = start(
        demo_page, flow("Refunds", CALL, asked, done, edges="call>ask ask.approved>done"), {"who": "Bo"}
    )
    demo_page.goto("/approvals")
    card = ask(demo_page, "Refund Bo?")
    card.get_by_test_id("approve").click()
    expect(card.locator(".pm-field", has_text="Sum")).to_contain_text("This field is required")
    card.get_by_test_id("form-sum").fill("42")
    card.get_by_test_id("note").fill("fine")
    card.get_by_test_id("approve").click()
    expect(card).to_have_count(0)
    demo_page.get_by_test_id("tab-decided").click()
    expect(ask(demo_page, "Refund Bo?")).to_contain_text("approved")
    demo_page.goto(f"/runs/{run_id}")
    expect(demo_page.get_by_test_id("run-status")).to_have_text("Succeeded")
    expect(demo_page.get_by_test_id("run-page")).to_contain_text("42")


def test_a_person_approves_on_the_page_of_the_run(demo_page: Page) -> None:
    form = {"type": "object", "properties": {"sum": {"type": "number"}}, "required": ["sum"]}
    asked = node("ask", "human.approval", question="How much?", allow_self=True, form=form)
    done = node("done", "output.result", value="{{ nodes.ask.form.sum }}")
    run_id = start(demo_page, flow("Sums", CALL, asked, done, edges="call>ask ask.approved>done"))
    demo_page.goto(f"/runs/{run_id}")
    expect(demo_page.locator(".pm-ask").get_by_role("link", name="Sums")).to_be_visible()
    demo_page.get_by_test_id("form-sum").fill("7")
    demo_page.get_by_test_id("approve").click()
    expect(demo_page.get_by_test_id("run-status")).to_have_text("Succeeded", timeout=15_000)


def test_a_person_leads_a_conversation_and_gives_it_back(demo_page: Page) -> None:
    person = node("person", "human.takeover", reason="Wants a human")
    back = node("back", "channel.send", text="The bot is back")
    document = flow(
        "Desk",
        node("chat", "trigger.chat"),
        person,
        back,
        edges="chat>person person.returned>back",
        kind="agent",
    )
    demo_page.goto("/flows")
    flow_id = api(demo_page, "/api/flows/import", document)["id"]
    said = api(demo_page, "/api/chat", {"flow_id": flow_id, "message": "A human, please"})
    demo_page.goto("/approvals")
    card = ask(demo_page, "Wants a human")
    expect(card).to_contain_text("A human, please")
    card.get_by_test_id("reply").fill("Ann here, how can I help?")
    card.get_by_test_id("reply").press("Enter")
    expect(card.locator(".pm-thread")).to_contain_text("Ann here")
    expect(card.get_by_test_id("reply")).to_have_value("")
    card.get_by_test_id("give-back").click()
    expect(card).to_have_count(0)
    demo_page.goto(f"/runs/{said['run_id']}")
    expect(demo_page.get_by_test_id("run-status")).to_have_text("Succeeded")
    texts = [each["text"] for each in api(demo_page, f"/api/chat/{said['session_id']}/messages")]
    assert texts == ["A human, please", "Ann here, how can I help?", "The bot is back"]


def test_a_question_is_answered_and_a_waiting_run_is_cancelled(demo_page: Page) -> None:
    asked = node("ask", "channel.ask", question="How many?", expects="number")
    done = node("done", "output.result", value="{{ input.answer }}")
    document = flow("Survey", CALL, asked, done, edges="call>ask ask.answered>done")
    demo_page.goto(f"/runs/{start(demo_page, document)}")
    expect(demo_page.get_by_test_id("run-status")).to_have_text("Waiting")
    demo_page.get_by_test_id("run-answer").fill("12")
    demo_page.get_by_test_id("run-answer").press("Enter")
    expect(demo_page.get_by_test_id("run-status")).to_have_text("Succeeded")
    demo_page.goto(f"/runs/{start(demo_page, document)}")
    demo_page.get_by_test_id("cancel-run").click()
    expect(demo_page.get_by_test_id("run-status")).to_have_text("Cancelled")


def test_a_run_is_found_looked_into_and_replayed_from_a_node(demo_page: Page) -> None:
    document = flow(
        "Orders to ship",
        CALL,
        node("double", "logic.set", output="{{ input.n | times: 2 }}"),
        node(
            "tell",
            "http.request",
            method="POST",
            url="https://shop.example/orders",
            json={"n": "{{ input }}"},
        ),
        node("done", "output.result", value="{{ nodes.double }}"),
        edges="call>double double>tell tell>done",
    )
    run_id = start(demo_page, document, {"n": 4}, simulate=True)
    demo_page.goto("/runs")
    demo_page.get_by_test_id("run-search").fill("orders to sh")
    demo_page.get_by_test_id(f"run-row-{run_id}").click()
    expect(demo_page.get_by_test_id("effects")).to_contain_text("POST https://shop.example/orders")
    step = demo_page.get_by_test_id("step-/double")
    step.click()
    expect(demo_page.locator(".pm-step-details")).to_contain_text('"n": 4')
    demo_page.get_by_test_id("replay-here").click()
    demo_page.get_by_test_id("replay-value").fill('{"n": ')
    demo_page.get_by_test_id("start-replay").click()
    expect(demo_page.get_by_role("dialog")).to_contain_text("Line 1, column 7 is not JSON")
    demo_page.get_by_test_id("replay-value").fill('{"n": 50}')
    demo_page.get_by_test_id("start-replay").click()
    demo_page.wait_for_url(lambda url: "/runs/" in url and run_id not in url)
    expect(demo_page.get_by_test_id("run-status")).to_have_text("Succeeded")
    expect(demo_page.get_by_test_id("run-page")).to_contain_text("100")
    expect(demo_page.get_by_test_id("run-page")).to_contain_text("Replay of")


def test_a_failed_run_says_why_in_the_list_and_is_taken_up_again(demo_page: Page) -> None:
    document = flow(
        "Blocked",
        CALL,
        node("get", "http.request", url="http://10.0.0.1/"),
        node("done", "output.result", value=1),
        edges="call>get get>done",
    )
    run_id = start(demo_page, document)
    demo_page.goto("/runs?status=failed")
    row = demo_page.get_by_test_id(f"run-row-{run_id}")
    expect(row).to_contain_text("is not a public address")
    row.click()
    demo_page.get_by_test_id("resume-run").click()
    demo_page.wait_for_url(lambda url: "/runs/" in url and run_id not in url)
    expect(demo_page.get_by_test_id("run-status")).to_have_text("Failed")


def test_a_test_is_made_of_a_run_and_what_it_misses_is_marked(demo_page: Page) -> None:
    big = {"left": "{{ input.n }}", "op": "gt", "right": 10}
    document = flow(
        "Sorting",
        CALL,
        node("size", "logic.if", cases=[{"id": "big", "when": big}]),
        node("large", "output.result", value="large"),
        node("small", "output.result", value="small"),
        edges="call>size size.big>large size.else>small",
    )
    demo_page.goto("/flows")
    flow_id = api(demo_page, "/api/flows/import", document)["id"]
    run = api(demo_page, f"/api/flows/{flow_id}/runs", {"input": {"n": 50}, "wait": True})
    demo_page.goto(f"/runs/{run['id']}")
    demo_page.get_by_test_id("make-test").click()
    expect(demo_page.get_by_text("is now a test of this flow")).to_be_visible()
    demo_page.goto(f"/flows/{flow_id}")
    demo_page.get_by_test_id("tab-tests").click()
    demo_page.get_by_test_id("run-tests").click()
    expect(demo_page.get_by_test_id("tests-summary")).to_have_text("1 passed, 0 failed")
    expect(demo_page.get_by_test_id("node-small")).to_have_attribute("data-uncovered", "true")
    expect(demo_page.get_by_test_id("node-large")).to_have_attribute("data-uncovered", "false")


def test_the_inbox_is_worked_by_keys(demo_page: Page) -> None:
    for who in ("First one", "Second one"):
        task = node("ask", "human.task", title=who)
        start(demo_page, flow("By keys", CALL, task, edges="call>ask"))
    demo_page.goto("/approvals")
    rows = demo_page.locator(".pm-inbox-row")
    expect(rows.first).to_contain_text("Second one")
    expect(rows.first).to_have_attribute("aria-current", "true")
    demo_page.keyboard.press("j")
    demo_page.keyboard.press("j")
    expect(rows.nth(1)).to_be_focused()
    expect(demo_page.locator(".pm-ask h2")).to_have_text("First one")
    demo_page.keyboard.press("Enter")
    expect(demo_page.get_by_test_id("note")).to_be_focused()
    demo_page.keyboard.press("Escape")
    expect(rows.nth(1)).to_be_focused()
    demo_page.keyboard.press("k")
    expect(demo_page.locator(".pm-ask h2")).to_have_text("Second one")
    demo_page.get_by_test_id("finish").click()
    expect(demo_page.locator(".pm-inbox-row", has_text="Second one")).to_have_count(0)


def test_two_have_to_approve_before_a_deadline_that_is_told_in_time_left(demo_page: Page) -> None:
    asked = node(
        "ask", "human.approval", question="Both of you?", allow_self=True, quorum=2, deadline_s=2 * 3600
    )
    start(demo_page, flow("Pairs", CALL, asked, edges="call>ask"))
    demo_page.goto("/approvals")
    card = ask(demo_page, "Both of you?")
    expect(card.locator("time[data-time=left]")).to_have_text(re.compile(r"^1 hr (59|58) min left$"))
    expect(card.get_by_test_id("answers")).to_have_text("0 of 2 approved")
    card.get_by_test_id("approve").click()
    expect(card.get_by_test_id("answers")).to_contain_text("1 of 2 approved")


def test_a_question_of_the_flow_is_answered_in_the_test_chat(demo_page: Page) -> None:
    asked = node("ask", "channel.ask", question="How many people?", expects="number")
    say = node("say", "channel.send", text="A table for {{ nodes.ask.answer }}.")
    chat = node("chat", "trigger.chat")
    document = flow("Tables", chat, asked, say, edges="chat>ask ask.answered>say", kind="agent")
    demo_page.goto("/flows")
    demo_page.goto(f"/flows/{api(demo_page, '/api/flows/import', document)['id']}")
    demo_page.get_by_test_id("tab-chat").click()
    said = demo_page.locator("[data-testid='chat-message'][data-role='assistant']")
    for text, answer in (
        ("Hello", "How many people?"),
        ("a few", "How many people?"),
        ("4", "A table for 4."),
    ):
        demo_page.get_by_test_id("chat-input").fill(text)
        demo_page.get_by_test_id("chat-input").press("Enter")
        expect(said.last).to_contain_text(answer, timeout=20_000)
        expect(said.last).to_have_attribute("data-pending", "false")


@dataclass
class Shop:
    """A server that takes orders, and answers none of them while it is `slow`."""

    address: str
    slow: threading.Event
    came: threading.Event
    orders: list[str] = field(default_factory=list)


@pytest.fixture
def shop() -> Iterator[Shop]:
    slow, came, gone = threading.Event(), threading.Event(), threading.Event()
    orders: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"] or 0)).decode()
            orders.append(body)
            came.set()
            if slow.is_set():
                gone.wait(120)
                return
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_parts: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Shop(f"http://127.0.0.1:{server.server_port}/orders", slow, came, orders)
    gone.set()
    server.shutdown()


def test_a_worker_dies_amid_an_order_and_a_person_settles_it(
    demo_page: Page, stack: Stack, shop: Shop
) -> None:
    shop.slow.set()
    order = node("order", "http.request", method="POST", url=shop.address, json={"n": 1})
    done = node("done", "output.result", value="{{ nodes.order.status }}")
    demo_page.goto("/flows")
    document = flow("Ordering", CALL, order, done, edges="call>order order>done")
    flow_id = api(demo_page, "/api/flows/import", document)["id"]
    run_id = api(demo_page, f"/api/flows/{flow_id}/runs", {"input": {}})["id"]
    assert shop.came.wait(30)
    worker = part_pid(stack, "worker")
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    demo_page.goto(f"/runs/{run_id}")
    asked = demo_page.locator(".pm-ask")
    expect(asked).to_contain_text("doing it again may do it twice", timeout=90_000)
    asked.get_by_test_id("let-fail").click()
    expect(demo_page.get_by_test_id("run-status")).to_have_text("Failed", timeout=30_000)

    demo_page.goto("/runs?status=dead")
    row = demo_page.get_by_test_id(f"run-row-{run_id}")
    expect(row).to_contain_text("Dead letter")
    row.get_by_role("link").click()
    letter = demo_page.get_by_test_id("dead-letter")
    expect(letter).to_contain_text("nobody can know")
    shop.slow.clear()
    letter.get_by_test_id("resume-dead").click()
    demo_page.wait_for_url(lambda url: "/runs/" in url and run_id not in url)
    expect(demo_page.get_by_test_id("run-status")).to_have_text("Succeeded", timeout=30_000)
    assert len(shop.orders) == 2


def test_a_large_value_is_downloaded_and_what_was_tidied_away_is_told(demo_page: Page, stack: Stack) -> None:
    text = "A long story. " * 9_000
    kept = node("kept", "logic.set", output={"text": "{{ input.text }}"})
    done = node("done", "output.result", value="{{ nodes.kept }}")
    document = flow("Stories", CALL, kept, done, edges="call>kept kept>done")
    run_id = start(demo_page, document, {"text": text})
    demo_page.goto(f"/runs/{run_id}")
    demo_page.get_by_test_id("step-/kept").click()
    step = demo_page.locator(".pm-step-details")
    large = step.get_by_test_id("large-value").last
    expect(large).to_contain_text("126 kB")
    expect(step.locator("pre").last).to_contain_text("A long story.")
    with demo_page.expect_download() as downloading:
        large.get_by_role("link").click()
    assert downloading.value.suggested_filename == "kept-output.json"
    assert json.loads(downloading.value.path().read_text()) == {"text": text}
    step.get_by_test_id("replay-here").click()
    dialog = demo_page.get_by_role("dialog")
    expect(dialog).to_contain_text("Set values")
    expect(dialog).to_contain_text("The value is too large to be edited here.")
    dialog.get_by_test_id("start-replay").click()
    demo_page.wait_for_url(lambda url: "/runs/" in url and run_id not in url)
    expect(demo_page.get_by_test_id("run-status")).to_have_text("Succeeded")

    tidy_up_in_a_year(stack)
    demo_page.goto(f"/runs/{run_id}")
    expect(demo_page.get_by_test_id("details-removed")).to_contain_text(
        "The steps of this run were removed on"
    )
    expect(demo_page.locator(".pm-step-line")).to_have_count(0)
    expect(demo_page.get_by_test_id("make-test")).to_have_count(0)
    with demo_page.expect_download() as downloading:
        demo_page.get_by_test_id("large-value").last.get_by_role("link").click()
    assert json.loads(downloading.value.path().read_text()) == {"text": text}
    demo_page.get_by_test_id("replay-run").click()
    demo_page.get_by_role("dialog").get_by_test_id("start-replay").click()
    demo_page.wait_for_url(lambda url: "/runs/" in url and run_id not in url)
    expect(demo_page.get_by_test_id("run-status")).to_have_text("Succeeded")


def tidy_up_in_a_year(stack: Stack) -> None:
    """What workers do with old runs, as if 100 days had gone by."""
    code = (
        "import asyncio\nfrom datetime import timedelta\nfrom app.core import clock\n"
        "from app.core.settings import RetentionSettings\nfrom workers import retention\n"
        "async def main():\n"
        "    with clock.held(clock.now() + timedelta(days=100)):\n"
        "        while await retention.once(RetentionSettings(days=90, summary_days=900)):\n            pass\n"
        "asyncio.run(main())\n"
    )
    known = json.loads((stack.data_dir / "endpoints.json").read_text())
    secrets_file = json.loads((stack.data_dir / "secrets.json").read_text())
    environment = {
        **os.environ,
        "DATABASE_URL": known["database_url"],
        "REDIS_URL": known["redis_url"],
        "SECRET_KEYS": secrets_file["secret_keys"],
    }
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, check=True, timeout=120)
