"""Real worker processes on a real PostgreSQL, Valkey and a model server that counts its calls."""

import asyncio
import itertools
import os
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from aiohttp import web

from app.core import db, jobs, redis
from app.core.clock import new_id
from app.core.ids import AccountId, WorkspaceId
from app.core.principal import Principal
from app.core.settings import get_settings
from app.embedded.data_dir import free_port
from app.flows import codec
from app.integrations import queue
from app.models import Account, Flow, FlowVersion, Membership, Workspace
from app.realtime import hub
from app.schemas.flow_runs import ChatRequest
from app.services import chat
from app.services.chat_turn import turn
from emulators.llm.server import application

ROOT = Path(__file__).parents[3]


@dataclass
class Model:
    """The model server. `calls` counts finished questions by their last message."""

    url: str
    calls: Counter[str] = field(default_factory=Counter)


@dataclass
class Workers:
    """Starts and kills worker processes of this test."""

    environment: dict[str, str]
    log: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> subprocess.Popen[bytes]:
        before = self.log.read_text().count("is ready for action") if self.log.exists() else 0
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "app", "worker"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.running.append(process)
        deadline = time.monotonic() + 60
        while self.log.read_text().count("is ready for action") <= before:
            assert process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < deadline, self.log.read_text()[-3000:]
            time.sleep(0.05)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.running.remove(process)

    def stop(self) -> None:
        for process in list(self.running):
            self.kill(process)


@pytest_asyncio.fixture
async def model() -> AsyncIterator[Model]:
    """The emulator over the real wire, counting."""

    @web.middleware
    async def count(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.method == "POST":
            body = await request.json()
            served.calls[str(body["messages"][-1]["content"])] += 1
        response: web.StreamResponse = await handler(request)
        return response

    app = application(test_models=True)
    app.middlewares.append(count)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    served = Model(f"http://127.0.0.1:{port}/v1")
    yield served
    await runner.cleanup()


@pytest_asyncio.fixture
async def environment(
    database_url: str, redis_url: str, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[dict[str, str]]:
    """This process as a web process of the product, and what its workers are told."""
    values = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SECRET_KEYS": f"test:{secrets.token_urlsafe(32)}",
        "DATA_DIR": str(tmp_path / "data"),
        "DEMO_LLM_URL": model.url,
        "WORKER_LEASE_S": "2",
        "WORKER_HEARTBEAT_S": "0.5",
        "WORKER_SWEEP_S": "0.5",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    jobs.set_dispatcher(queue.dispatch)
    yield {**os.environ, **values}
    await hub.close()
    await redis.close()
    await db.dispose()
    jobs.set_dispatcher(None)
    get_settings.cache_clear()


@pytest.fixture
def workers(environment: dict[str, str], tmp_path: Path) -> Iterator[Workers]:
    made = Workers(environment, tmp_path / "worker.log")
    yield made
    made.stop()


@pytest_asyncio.fixture
async def principal(environment: dict[str, str]) -> Principal:
    """An owner in a workspace of their own."""
    async with db.unit_of_work() as session:
        workspace = Workspace(name="Test")
        account = Account(email=f"{new_id()}@example.com", name="Ann", password_hash="-")
        session.add_all([workspace, account])
        await session.flush()
        session.add(Membership(account_id=account.id, workspace_id=workspace.id, role="owner"))
    return Principal(
        user_id=AccountId(account.id),
        workspace_id=WorkspaceId(workspace.id),
        role="owner",
        scopes=frozenset({"runs:read", "runs:write", "flows:read", "flows:write"}),
        name="Ann",
        email=account.email,
        locale="en",
        via="token",
    )


async def store(principal: Principal, document: dict[str, Any], *, publish: bool = False) -> UUID:
    """Store a flow as the editor would have; with `publish` as version 1 too."""
    flow = codec.parse(document)
    text, semantic_hash = codec.dump(flow), codec.semantic_hash(flow)
    async with db.unit_of_work() as session:
        row = Flow(
            workspace_id=principal.workspace_id,
            kind=flow.kind,
            name=flow.name,
            document=text,
            semantic_hash=semantic_hash,
            published_version=1 if publish else None,
        )
        session.add(row)
        await session.flush()
        if publish:
            session.add(
                FlowVersion(
                    workspace_id=principal.workspace_id,
                    flow_id=row.id,
                    number=1,
                    revision=1,
                    document=text,
                    semantic_hash=semantic_hash,
                )
            )
    return row.id


def node(node_id: str, node_type: str, **params: Any) -> dict[str, Any]:
    return {"id": node_id, "type": node_type, "params": params}


def chain(*nodes: dict[str, Any], kind: str = "task", **fields: Any) -> dict[str, Any]:
    """A flow of nodes one after another, by their `out` ports."""
    edges = [
        {"id": f"e{number}", "source": first["id"], "target": second["id"]}
        for number, (first, second) in enumerate(itertools.pairwise(nodes))
    ]
    return {"schema": "flow/1", "kind": kind, "name": "Test", "nodes": list(nodes), "edges": edges, **fields}


async def until(condition: Any, timeout_s: float = 60, pause_s: float = 0.05) -> None:
    """Wait until the condition (a function, or an async one) holds."""
    deadline = time.monotonic() + timeout_s
    while True:
        holds = condition()
        if asyncio.iscoroutine(holds):
            holds = await holds
        if holds:
            return
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(pause_s)


async def say(principal: Principal, asked: ChatRequest, *, wait: bool) -> chat.Said:
    """Say something as the API does; with `wait` the run has ended or waits for somebody."""
    async with turn(principal, asked, "api") as spoken:
        if wait:
            await spoken.rest()
        return spoken.said
