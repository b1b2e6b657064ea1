"""Whatever is killed, the product comes back by itself and has forgotten nothing."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import Stack, start, stop

MARKS = {
    "postgres": "bin/postgres -D",
    "valkey": "valkey-server",
    "worker": "dramatiq workers.main",
    "web": "uvicorn --factory app.app:app",
    "demo_llm": "emulators.llm",
}
ECHO = {
    "schema": "flow/1",
    "kind": "task",
    "name": "Echo",
    "inputs": {"type": "object", "properties": {"word": {"type": "string"}}},
    "nodes": [
        {
            "id": "start",
            "type": "trigger.call",
            "v": 1,
            "title": "",
            "params": {},
            "policy": {},
            "parent": None,
        },
        {
            "id": "result",
            "type": "output.result",
            "v": 1,
            "title": "",
            "params": {"value": "{{ input.word }}"},
            "policy": {},
            "parent": None,
        },
    ],
    "edges": [{"id": "e1", "source": "start", "source_port": "out", "target": "result", "target_port": "in"}],
}


RETRIED = {"retry": {"max": 8, "backoff_s": 0.5}}
ASK_TWICE = {
    **ECHO,
    "nodes": [
        {"id": "start", "type": "trigger.call"},
        *(
            {
                "id": name,
                "type": "ai.llm",
                "params": {
                    "model": "demo/assistant",
                    "system": "The shop opens at nine.",
                    "prompt": "When does the shop open?",
                },
                "policy": RETRIED,
            }
            for name in ("first", "second")
        ),
        {"id": "result", "type": "output.result", "params": {"value": "{{ nodes.second.text }}"}},
    ],
    "edges": [
        {"id": "e1", "source": "start", "target": "first"},
        {"id": "e2", "source": "first", "target": "second"},
        {"id": "e3", "source": "second", "target": "result"},
    ],
}
UNDER_WAY = 30


def part_pid(stack: Stack, name: str) -> int | None:
    """The process of a part: a child of the supervisor, found by its command line."""
    children = Path(f"/proc/{stack.process.pid}/task/{stack.process.pid}/children").read_text().split()
    for pid in map(int, children):
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        if MARKS[name] in line:
            return pid
    return None


def until(condition: Callable[[], Any], within_s: float) -> Any:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if found := condition():
                return found
        except (httpx.HTTPError, OSError):
            pass
        time.sleep(0.1)
    pytest.fail(f"not within {within_s} s")


def signed_in(client: httpx.Client, email: str, password: str) -> None:
    answer = client.post("/api/auth/login", json={"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"


def echoed(client: httpx.Client, word: str) -> bool:
    run = client.post("/api/runs", json={"flow": ECHO, "input": {"word": word}, "wait": True})
    return run.status_code == 201 and run.json()["output"] == word


def begun(client: httpx.Client) -> str:
    run = client.post("/api/runs", json={"flow": ASK_TWICE, "input": {"word": ""}})
    assert run.status_code == 201, run.text
    run_id: str = run.json()["id"]
    return run_id


def ended_well(client: httpx.Client, run_id: str) -> bool:
    run = client.get(f"/api/runs/{run_id}").json()
    if run["status"] in ("queued", "running"):
        return False
    assert (run["status"], run["output"]) == ("succeeded", "The shop opens at nine."), run
    return True


@pytest.mark.parametrize("name", MARKS)
def test_a_killed_part_is_back_and_runs_go_on(stack: Stack, name: str) -> None:
    with httpx.Client(base_url=stack.url, timeout=60) as client:
        signed_in(client, *stack.demo)
        flow_id = client.post("/api/flows/import", json=ECHO).json()["id"]
        before = until(lambda: part_pid(stack, name), 10)
        runs = [begun(client) for _ in range(UNDER_WAY)]

        os.kill(before, signal.SIGKILL)

        until(lambda: part_pid(stack, name) not in (None, before), 20)
        until(lambda: client.get("/api/health/ready").status_code == 200, 30)
        assert client.get(f"/api/flows/{flow_id}").json()["name"] == "Echo"
        until(lambda: echoed(client, f"after {name}"), 40)
        for run_id in runs:
            until(lambda run_id=run_id: ended_well(client, run_id), 60)
        events = client.get(f"/api/runs/{runs[-1]}/events", headers={"accept": "application/x-ndjson"})
        numbers = [json.loads(line)["seq"] for line in events.text.splitlines() if line.strip()]
        assert [number for number in numbers if number] == list(range(1, max(numbers) + 1))


def test_a_killed_supervisor_leaves_nothing_running_and_loses_nothing(tmp_path: Path) -> None:
    person = (f"bea-{secrets.token_hex(4)}@example.com", "correct horse")
    first = start(tmp_path / "data")
    pids = [pid for name in MARKS if (pid := part_pid(first, name))]
    assert len(pids) == len(MARKS)
    with httpx.Client(base_url=first.url, timeout=60) as client:
        new = client.post("/api/auth/signup", json={"email": person[0], "password": person[1], "name": "Bea"})
        assert new.status_code in (200, 201), new.text
    first.process.kill()
    first.process.wait()
    until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in pids), 20)

    second = start(tmp_path / "data")
    with httpx.Client(base_url=second.url, timeout=60) as client:
        signed_in(client, *person)
    pids = [pid for name in MARKS if (pid := part_pid(second, name))]
    stop(second)
    assert not any(Path(f"/proc/{pid}/exe").exists() for pid in pids)


def test_a_second_start_on_the_same_folder_says_where_the_first_one_is(stack: Stack) -> None:
    again = subprocess.run(
        [sys.executable, "-m", "app", "up"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "DATA_DIR": str(stack.data_dir), "PORT": "0", "LANG": "en"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert again.returncode == 2
    assert (
        f"already runs on the data folder {stack.data_dir} (see {stack.url})" in again.stdout + again.stderr
    )
