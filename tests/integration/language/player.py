"""Plays one case of a flow file against the product, by nothing but its HTTP API."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

FILES = Path(__file__).parent / "files"
PATIENCE_S = 60
ENDED = ("succeeded", "failed", "cancelled")


@dataclass
class Player:
    """`http` is signed in; `server` is the address of the shop that flows call; `flows` are published ones by name."""

    http: httpx.AsyncClient
    server: str
    flows: dict[str, str] = field(default_factory=dict)
    answered: str = ""

    def source(self, name: str) -> str:
        """The file as it is imported: addresses and ids that only this run knows are put in."""
        text = (FILES / f"{name}.flow.json").read_text(encoding="utf-8")
        in_three_days = datetime.now(UTC) + timedelta(days=3)
        known = {"$server": self.server, "$tomorrow": f"{in_three_days:%a}".lower(), '"$deadline"': "3600"}
        for mark, value in (known | {f"${name}": flow for name, flow in self.flows.items()}).items():
            text = text.replace(mark, value)
        return text

    async def call(self, method: str, path: str, status: int = 200, **body: Any) -> Any:
        response = await self.http.request(method, path, **body)
        assert response.status_code == status, (path, response.status_code, response.text)
        return response.json() if response.content else None

    async def imported(self, name: str) -> str:
        """Import the file, clean but for notes, and see it come back byte for byte."""
        text = self.source(name)
        made = await self.call("POST", "/api/flows/import", 201, content=text.encode())
        problems = [p for p in made["problems"] if p["severity"] == "error"]
        assert not problems, problems
        exported = await self.http.get(f"/api/flows/{made['id']}/export")
        assert exported.text == text
        return str(made["id"])

    async def publish(self, flow: str) -> None:
        await self.call("POST", f"/api/flows/{flow}/publish", 201, json={"require_tests": False})

    async def play(self, name: str, case: dict[str, Any]) -> None:
        if case.get("cannot_publish"):
            return await self.placeholder(name, case)
        if made := case.get("credential"):
            there = await self.call("GET", "/api/credentials")
            if made["name"] not in {each["name"] for each in there}:
                await self.call("POST", "/api/credentials", 201, json=made)
        flow = await self.imported(name)
        if case.get("publish"):
            await self.publish(flow)
        if "chat" in case:
            return await self.talk(flow, case)
        if "burst" in case:
            return await self.burst(flow, case)
        if "hook" in case:
            return await self.hook(flow, case)
        key = uuid4().hex
        outputs = [await self.run(flow, case, key) for _ in range(case.get("same_output", 1))]
        assert all(output == outputs[0] for output in outputs), outputs
        return None

    async def run(self, flow: str, case: dict[str, Any], key: str) -> Any:
        given = json.loads(json.dumps(case["input"]).replace("$unique", key))
        body = {"input": given, "wait": True, "simulate": case.get("simulate", False)}
        begun = time.monotonic()
        answer = await self.http.post(f"/api/flows/{flow}/runs", json=body, timeout=PATIENCE_S)
        if "refused" in case:
            assert answer.status_code == case["refused"], answer.text
            return None
        assert answer.status_code == 201, answer.text
        run = answer.json()
        for step in case.get("steps", []):
            await self.step(run["id"], step)
        run = await self.rest(run["id"], case["status"])
        if limit := case.get("within_s"):
            assert time.monotonic() - begun < limit
        await self.compare(run, case)
        if case.get("cancel"):
            await self.call("POST", f"/api/runs/{run['id']}/cancel", 202)
            await self.rest(run["id"], "cancelled")
        return run["output"]

    async def rest(self, run: str, status: str) -> dict[str, Any]:
        """The run once it has this status. An end of another kind fails at once."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            view: dict[str, Any] = await self.call("GET", f"/api/runs/{run}")
            if view["status"] == status:
                return view
            over = view["status"] in ENDED or time.monotonic() > deadline
            assert not over, (view["status"], view["error"], view["output"])
            await asyncio.sleep(0.1)

    async def compare(self, run: dict[str, Any], case: dict[str, Any]) -> None:
        output, error = run["output"], run["error"] or {}
        if "output" in case:
            assert same(output, case["output"]), output
        for key, value in case.get("partial", {}).items():
            assert same(output[key], value), output
        if keys := case.get("keys"):
            assert set(keys) <= set(output), output
        if "errors_count" in case:
            assert len(output["errors"]) == case["errors_count"], output
        if "output_contains" in case:
            assert case["output_contains"] in output, output
        for key, value in case.get("error", {}).items():
            assert error.get(key) == value, error
        if "param" in case:
            assert (error.get("param") or (error.get("context") or {}).get("param")) == case["param"], error
        if "error_contains" in case:
            assert case["error_contains"] in json.dumps(error), error
        if "messages" in case:
            assert [message["text"] for message in run["messages"]] == case["messages"], run["messages"]
        if "ports" in case or "skipped" in case:
            await self.compare_path(run["id"], case)

    async def compare_path(self, run: str, case: dict[str, Any]) -> None:
        steps = {step["node"]: step for step in await self.call("GET", f"/api/runs/{run}/steps")}
        for node, ports in case.get("ports", {}).items():
            assert steps[node]["ports"] == ports, steps[node]
        for node in case.get("skipped", []):
            assert node not in steps or steps[node]["status"] == "skipped", steps[node]

    async def waiting(self, run: str, title: str | None) -> dict[str, Any]:
        """What the run asks people, as the inbox shows it."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            items = await self.call("GET", "/api/inbox")
            for item in items["items"] if isinstance(items, dict) else items:
                if item["run_id"] == run and title in (None, item["title"]):
                    return dict(item)
            assert time.monotonic() < deadline, items
            await asyncio.sleep(0.1)

    async def step(self, run: str, step: dict[str, Any]) -> None:
        status = step.get("refused", 200)
        if "event" in step:
            await self.call("POST", "/api/events", 202, json=step["event"])
        elif "task" in step:
            item = await self.waiting(run, step.get("title"))
            await self.call("POST", f"/api/inbox/{item['id']}/result", status, json={"result": step["task"]})
        elif "again" in step:
            await self.call("POST", f"/api/approvals/{self.answered}", status, json=step["again"])
        else:
            item = await self.waiting(run, step.get("title"))
            self.answered = item["id"]
            assert await self.call("GET", f"/api/approvals/{item['id']}") == item
            await self.call("POST", f"/api/approvals/{item['id']}", status, json=step["decide"])

    async def said(self, session: str) -> list[str]:
        messages = await self.call("GET", f"/api/chat/{session}/messages")
        return [message["text"] for message in messages if message["role"] == "assistant"]

    async def until_said(self, session: str, holds: Any) -> list[str]:
        deadline = time.monotonic() + PATIENCE_S
        while not holds(texts := await self.said(session)):
            assert time.monotonic() < deadline, texts
            await asyncio.sleep(0.1)
        return texts

    async def talk(self, flow: str, case: dict[str, Any]) -> None:
        session, run = str(uuid4()), None
        for said in case["chat"]:
            if isinstance(said, dict):
                await self.until_said(session, lambda texts, after=said["after"]: after in texts)
                said = said["text"]
            body = {"flow_id": flow, "session_id": session, "message": said}
            answer = await self.call("POST", "/api/chat", json=body, timeout=PATIENCE_S)
            run = answer["run_id"] or run
        if case.get("silent_then_return"):
            assert await self.said(session) == []
            item = await self.waiting(run or "", None)
            await self.call("POST", f"/api/inbox/{item['id']}/return", json={})
        await self.rest(run or "", case["status"])
        if "messages" in case:
            assert await self.said(session) == case["messages"]
        if "last_message" in case:
            assert (await self.said(session))[-1] == case["last_message"], await self.said(session)

    async def burst(self, flow: str, case: dict[str, Any]) -> None:
        session = str(uuid4())

        async def say(text: str, after_s: float) -> None:
            await asyncio.sleep(after_s)
            body = {"flow_id": flow, "session_id": session, "message": text}
            await self.call("POST", "/api/chat", json=body, timeout=PATIENCE_S)

        await asyncio.gather(*(say(text, 0.3 * number) for number, text in enumerate(case["burst"])))
        wanted = case["burst_messages"]
        await self.until_said(session, lambda texts: len(texts) >= len(wanted))
        await asyncio.sleep(2)
        assert await self.said(session) == wanted

    async def hook(self, flow: str, case: dict[str, Any]) -> None:
        hook = case["hook"]
        answer = await self.http.request(
            hook.get("method", "POST"),
            f"/api/hooks/{flow}/{hook['path']}",
            json=hook.get("json"),
            params=hook.get("query"),
            headers={"authorization": "", **hook.get("headers", {})},
            timeout=PATIENCE_S,
        )
        assert answer.status_code == case["http_status"], (answer.status_code, answer.text)
        if "http_json" in case:
            assert answer.json() == case["http_json"], answer.text
        if "then_output" in case:
            runs = await self.call("GET", f"/api/flows/{flow}/runs")
            assert (await self.rest(runs[0]["id"], "succeeded"))["output"] == case["then_output"]

    async def placeholder(self, name: str, case: dict[str, Any]) -> None:
        text = self.source(name)
        made = await self.call("POST", "/api/flows/import", 201, content=text.encode())
        assert case["problem"] in [problem["code"] for problem in made["problems"]], made["problems"]
        assert (await self.http.get(f"/api/flows/{made['id']}/export")).text == text
        refused = await self.http.post(f"/api/flows/{made['id']}/publish", json={})
        assert refused.status_code in (409, 422), refused.text


def same(found: Any, expected: Any) -> bool:
    """Equal as JSON: true is not 1, and an object's keys keep their order."""
    return json.dumps(found) == json.dumps(expected)
