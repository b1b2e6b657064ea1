"""What people do with runs in the browser: approve, take over, answer, cancel, replay, read a dead letter."""

import json
import re
from typing import Any

from playwright.sync_api import Page, expect


def flow(name: str, *nodes: dict[str, Any], edges: str, kind: str = "task") -> dict[str, Any]:
    drawn = []
    for number, arrow in enumerate(edges.split()):
        start, _, target = arrow.partition(">")
        source, _, port = start.partition(".")
        drawn.append({"id": f"e{number}", "source": source, "source_port": port or "out", "target": target})
    return {"schema": "flow/1", "kind": kind, "name": name, "nodes": list(nodes), "edges": drawn}


def node(node_id: str, node_type: str, **params: Any) -> dict[str, Any]:
    return {"id": node_id, "type": node_type, "params": params}


CALL = node("call", "trigger.call")


def api(page: Page, path: str, body: Any = None) -> Any:
    """A call as this page's signed-in person."""
    method = "GET" if body is None else "POST"
    answer = page.evaluate(
        """async ([path, method, body]) => {
            const answer = await fetch(path, {method, headers: {"content-type": "application/json"}, body});
            return {status: answer.status, body: await answer.json().catch(() => null)};
        }""",
        [path, method, None if body is None else json.dumps(body)],
    )
    assert answer["status"] < 300, answer
    return answer["body"]


def start(page: Page, document: dict[str, Any], given: Any = None, **options: Any) -> str:
    page.goto("/flows")
    flow_id = api(page, "/api/flows/import", document)["id"]
    run = api(page, f"/api/flows/{flow_id}/runs", {"input": given or {}, "wait": True, **options})
    return str(run["id"])


def test_a_person_approves_with_a_form(demo_page: Page) -> None:
    form = {"type": "object", "properties": {"sum": {"type": "number", "title": "Sum"}}, "required": ["sum"]}
    ask = node("ask", "human.approval", question="Refund {{ input.who }}?", allow_self=True, form=form)
    done = node("done", "output.result", value="{{ nodes.ask.form.sum }}")
    run_id = start(
        demo_page, flow("Refunds", CALL, ask, done, edges="call>ask ask.approved>done"), {"who": "Bo"}
    )
    demo_page.goto("/approvals")
    card = demo_page.locator(".pm-ask", has_text="Refund Bo?")
    card.get_by_test_id("approve").click()
    expect(demo_page.get_by_text(re.compile("form does not fit"))).to_be_visible()
    card.get_by_test_id("form-sum").fill("42")
    card.get_by_test_id("note").fill("fine")
    card.get_by_test_id("approve").click()
    expect(card).to_have_count(0)
    demo_page.get_by_test_id("tab-decided").click()
    expect(demo_page.locator(".pm-ask", has_text="Refund Bo?")).to_contain_text("approved")
    demo_page.goto(f"/runs/{run_id}")
    expect(demo_page.get_by_test_id("run-status")).to_have_text("Succeeded")
    expect(demo_page.get_by_test_id("run-page")).to_contain_text("42")


def test_a_person_approves_on_the_page_of_the_run(demo_page: Page) -> None:
    form = {"type": "object", "properties": {"sum": {"type": "number"}}, "required": ["sum"]}
    ask = node("ask", "human.approval", question="How much?", allow_self=True, form=form)
    done = node("done", "output.result", value="{{ nodes.ask.form.sum }}")
    run_id = start(demo_page, flow("Sums", CALL, ask, done, edges="call>ask ask.approved>done"))
    demo_page.goto(f"/runs/{run_id}")
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
    card = demo_page.locator(".pm-ask", has_text="Wants a human")
    expect(card).to_contain_text("A human, please")
    card.get_by_test_id("note").fill("Ann here, how can I help?")
    card.get_by_test_id("say").click()
    expect(card.locator(".pm-thread")).to_contain_text("Ann here")
    card.get_by_test_id("give-back").click()
    expect(card).to_have_count(0)
    demo_page.goto(f"/runs/{said['run_id']}")
    expect(demo_page.get_by_test_id("run-status")).to_have_text("Succeeded")
    texts = [each["text"] for each in api(demo_page, f"/api/chat/{said['session_id']}/messages")]
    assert texts == ["A human, please", "Ann here, how can I help?", "The bot is back"]


def test_a_question_is_answered_and_a_waiting_run_is_cancelled(demo_page: Page) -> None:
    ask = node("ask", "channel.ask", question="How many?", expects="number")
    done = node("done", "output.result", value="{{ input.answer }}")
    document = flow("Survey", CALL, ask, done, edges="call>ask ask.answered>done")
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
