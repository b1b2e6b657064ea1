"""Runs of mixed shapes while parts of the product are killed at random, and what must hold afterwards.

`python -m tests.chaos.storm --runs 500 --seed 7` (or `make chaos`) starts a product of its own. Every run ends as it
must, every order arrived exactly once, and a reader that comes back misses no event number.
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.conftest import Stack, start, stop
from tests.e2e.test_survival import part_pid, signed_in

KILLED = ("postgres", "valkey", "worker", "web")
ENDED = {"succeeded", "failed", "cancelled"}
# Starts are spread, so that parts are killed while some runs begin, some wait and some end.
_SPREAD_S = 0.4
_PATIENCE_S = 120.0
RETRY = {"retry": {"max": 10, "backoff_s": 0.3}}


class Shop:
    """Takes orders (PUT, idempotent) and counts them by idempotency key; now and then it is slow or fails."""

    def __init__(self, seed: int) -> None:
        self.keys: Counter[str] = Counter()
        self._lock, self._random = threading.Lock(), random.Random(seed)
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                with shop._lock:
                    pause_s, fails = shop._random.random() * 0.08, shop._random.random() < 0.05
                    if not fails:
                        shop.keys[self.headers["Idempotency-Key"]] += 1
                time.sleep(pause_s)
                self.send_response(503 if fails else 200)
                self.send_header("content-type", "application/json")
                self.end_headers()
                self.wfile.write(b'{"ok": true}')

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing is printed for an order."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """Callers are killed while they wait for an answer."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/order"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()


@dataclass
class Run:
    """`orders` is how many orders it must have placed, `output` what it must end with."""

    shape: str
    orders: int
    output: Any
    id: str = ""


@dataclass
class Storm:
    """What happened. `wrong` must stay empty."""

    runs: list[Run] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0
    repeated: int = 0


def flows(shop: str) -> dict[str, dict[str, Any]]:
    """One flow of each shape."""

    def node(name: str, kind: str, parent: str | None = None, **params: Any) -> dict[str, Any]:
        made: dict[str, Any] = {"id": name, "type": kind, "params": params, "parent": parent}
        return made | ({"policy": RETRY} if kind in ("http.request", "ai.llm") else {})

    def order(name: str, parent: str | None = None) -> dict[str, Any]:
        return node(name, "http.request", parent, method="PUT", url=shop, json={"n": "{{ trigger.n }}"})

    def flow(*nodes: dict[str, Any], edges: str) -> dict[str, Any]:
        drawn = []
        for number, arrow in enumerate(edges.split()):
            left, _, target = arrow.partition(">")
            source, _, port = left.partition(".")
            drawn.append(
                {"id": f"e{number}", "source": source, "source_port": port or "out", "target": target}
            )
        call = {"id": "call", "type": "trigger.call"}
        return {"schema": "flow/1", "kind": "task", "nodes": [call, *nodes], "edges": drawn}

    n = "{{ trigger.n }}"
    big = {"left": n, "op": "gte", "right": 50}
    return {
        "branch": flow(
            node("size", "logic.if", cases=[{"id": "big", "when": big}]),
            order("one"), order("two"), order("small"),
            node("done", "output.result", value=n),
            edges="call>size size.big>one size.big>two size.else>small one>done two>done small>done",
        ),
        "map": flow(
            node("each", "logic.map", items="{{ trigger.items }}", max_parallel=3),
            order("place", "each"),
            node("done", "output.result", value="{{ nodes.each.results | size }}"),
            edges="call>each each.item>place each.done>done",
        ),
        "wait": flow(
            order("before"), node("pause", "time.wait", for_s=0.7), order("after"),
            node("done", "output.result", value=n),
            edges="call>before before>pause pause>after after>done",
        ),
        "loop": flow(
            node("again", "logic.loop", until={"left": "{{ iteration }}", "op": "gte", "right": 3}),
            order("place", "again"),
            node("done", "output.result", value="{{ nodes.again.iterations }}"),
            edges="call>again again.body>place again.done>done",
        ),
        "model": flow(
            node("ask", "ai.llm", model="demo/assistant", system="The shop opens at nine.", prompt="When does the shop open?"),
            order("place"),
            node("done", "output.result", value="{{ nodes.ask.text }}"),
            edges="call>ask ask>place place>done",
        ),
    }  # fmt: skip


def planned(shape: str, n: int) -> tuple[Run, dict[str, Any]]:
    items = list(range(n % 5 + 1))
    orders = {"branch": 2 if n >= 50 else 1, "map": len(items), "wait": 2, "loop": 3, "model": 1}[shape]
    output = {"map": str(len(items)), "loop": 3, "model": "The shop opens at nine."}.get(shape, n)
    return Run(shape, orders, output), {"n": n, "items": items}


def storm(
    stack: Stack, shop: Shop, count: int, seed: int, pause_s: tuple[float, float] = (2.0, 5.0)
) -> Storm:
    """Start `count` runs while parts are killed, wait for all of them, and look at everything."""
    found, chance, began = Storm(), random.Random(seed), time.monotonic()
    shapes = flows(shop.url)
    calm = threading.Event()
    killer = threading.Thread(
        target=_kill, args=(stack, random.Random(seed + 1), calm, found, pause_s), daemon=True
    )
    with _client(stack) as client:
        killer.start()
        try:
            for _ in range(count):
                run, given = planned(chance.choice(sorted(shapes)), chance.randrange(100))
                run.id = _begin(client, shapes[run.shape], given)
                found.runs.append(run)
                time.sleep(chance.random() * _SPREAD_S)
            _until_ended(client, found.runs, 30 + count * 0.5, found)
        finally:
            calm.set()
            killer.join(30)
        _until_ended(client, found.runs, 60, found)
        for run in found.runs:
            _judge(client, run, shop, found)
    found.repeated = sum(times > 1 for times in shop.keys.values())
    found.seconds = time.monotonic() - began
    return found


def _kill(
    stack: Stack, chance: random.Random, calm: threading.Event, found: Storm, pause_s: tuple[float, float]
) -> None:
    while not calm.wait(chance.uniform(*pause_s)):
        name = chance.choice(KILLED)
        pid = part_pid(stack, name)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            found.kills[name] += 1
            _until_back(stack, name, pid, calm)


def _until_back(stack: Stack, name: str, pid: int, calm: threading.Event) -> None:
    """Or for a while: killing what has not come back yet shows nothing."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not calm.wait(0.2):
        try:
            back = part_pid(stack, name) not in (None, pid)
            if back and httpx.get(f"{stack.url}/api/health/ready", timeout=2).status_code == 200:
                return
        except (httpx.HTTPError, OSError):
            pass


@contextmanager
def _client(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack.url, timeout=20) as client:
        signed_in(client, *stack.demo)
        key = client.post("/api/api-keys", json={"name": "chaos"}).json()["key"]
        client.headers["authorization"] = f"Bearer {key}"
        yield client


def _begin(client: httpx.Client, flow: dict[str, Any], given: dict[str, Any]) -> str:
    """A start whose answer was lost may have happened: such a run is not counted, and hurts nobody."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        try:
            answer = client.post("/api/runs", json={"flow": flow, "input": given})
            if answer.status_code == 201:
                return str(answer.json()["id"])
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError("no run could be started")


def _view(client: httpx.Client, path: str) -> Any:
    """However long it takes until the killed parts are back."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        try:
            answer = client.get(path)
            if answer.status_code == 200:
                return answer.json()
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"{path} does not answer")


def _until_ended(client: httpx.Client, runs: list[Run], within_s: float, found: Storm) -> None:
    deadline, left = time.monotonic() + within_s, list(runs)
    while left and time.monotonic() < deadline:
        left = [run for run in left if _view(client, f"/api/runs/{run.id}")["status"] not in ENDED]
        time.sleep(0.3)


def _judge(client: httpx.Client, run: Run, shop: Shop, found: Storm) -> None:
    view = _view(client, f"/api/runs/{run.id}")
    if (view["status"], view["output"]) != ("succeeded", run.output):
        found.wrong.append(f"{run.shape} {run.id}: {view['status']} {view['output']!r} {view['error']}")
    placed = [key for key in shop.keys if key.startswith(f"{run.id}:")]
    if len(placed) != run.orders:
        found.wrong.append(f"{run.shape} {run.id}: {len(placed)} orders of {run.orders}")
    lines = _events(client, run.id, 0)
    numbers = [each["seq"] for each in lines if each["seq"]]
    if numbers != list(range(1, len(numbers) + 1)):
        found.wrong.append(f"{run.shape} {run.id}: event numbers {numbers}")
    middle = len(numbers) // 2
    again = [each["seq"] for each in _events(client, run.id, middle) if each["seq"]]
    if again != numbers[middle:]:
        found.wrong.append(f"{run.shape} {run.id}: after {middle} came {again}")


def _events(client: httpx.Client, run_id: str, after: int) -> list[Any]:
    headers = {"accept": "application/x-ndjson"} | ({"last-event-id": str(after)} if after else {})
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        try:
            answer = client.get(f"/api/runs/{run_id}/events", headers=headers)
            if answer.status_code == 200:
                return [json.loads(line) for line in answer.text.splitlines() if line.strip()]
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"the events of {run_id} cannot be read")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    say(f"seed {options.seed}")
    os.environ["HTTP_ALLOWED_HOSTS"] = "127.0.0.1"
    shop = Shop(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        stack = start(Path(folder) / "data")
        found = storm(stack, shop, options.runs, options.seed)
        stop(stack)
    shop.close()
    kills = ", ".join(f"{name} {count}" for name, count in sorted(found.kills.items()))
    say(f"{len(found.runs)} runs in {found.seconds:.0f} s; killed: {kills}; orders {len(shop.keys)},")
    say(f"of them sent more than once under the same key: {found.repeated}")
    for each in found.wrong:
        say(f"WRONG {each}")
    return int(bool(found.wrong))


if __name__ == "__main__":
    sys.exit(main())
