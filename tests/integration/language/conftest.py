"""One product for all files: the API over ASGI, one real worker, the demo model, and a server that flows call."""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import httpx
import psycopg
import pytest
from aiohttp import web
from psycopg import sql

from app.api.main import create_api
from app.core import db, jobs, redis
from app.core.settings import get_settings
from app.embedded.data_dir import free_port
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey
from app.integrations import queue
from app.realtime import hub
from emulators.llm.server import application
from tests.integration.language.player import Player
from tests.integration.language.shop import shop
from tests.integration.runs.conftest import Workers

PERSON = {"email": "ann@example.com", "password": "correct horse"}


@pytest.fixture(scope="package")
async def servers() -> AsyncIterator[tuple[str, str]]:
    """The addresses of the shop and of the model."""
    runners, urls = [], []
    for app in (shop(), application()):
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port := free_port()).start()
        runners.append(runner)
        urls.append(f"http://127.0.0.1:{port}")
    yield urls[0], f"{urls[1]}/v1"
    for runner in runners:
        await runner.cleanup()


@pytest.fixture(scope="package")
def environment(
    postgres: Postgres,
    valkey: Valkey,
    template_database: str,
    servers: tuple[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, str]]:
    name = f"language_{uuid4().hex[:12]}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        made, template = sql.Identifier(name), sql.Identifier(template_database)
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(made, template))
    valkey.flush()
    values = {
        "DATABASE_URL": postgres.url(name).replace("postgresql://", "postgresql+psycopg://"),
        "REDIS_URL": valkey.url,
        "SECRET_KEYS": f"test:{secrets.token_urlsafe(32)}",
        "DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "DEMO_LLM_URL": servers[1],
        "HTTP_ALLOWED_HOSTS": "127.0.0.1",
        "WORKER_SWEEP_S": "0.5",
    }
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in values.items():
            patch.setenv(variable, value)
        get_settings.cache_clear()
        yield {**os.environ}
    get_settings.cache_clear()


@pytest.fixture(scope="package")
def worker(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    workers = Workers(environment, tmp_path_factory.mktemp("worker") / "log")
    workers.start()
    yield
    workers.stop()


@pytest.fixture(scope="package")
async def player(worker: None, servers: tuple[str, str]) -> AsyncIterator[Player]:
    """Somebody who signed up and made an API key, and published the flow that others call."""
    jobs.set_dispatcher(queue.dispatch)
    transport = httpx.ASGITransport(create_api(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://prometey.test") as http:
        assert (await http.post("/api/auth/signup", json={**PERSON, "name": "Ann"})).status_code == 201
        token = (await http.post("/api/auth/login", json=PERSON)).json()["access_token"]
        named = {"authorization": f"Bearer {token}"}
        key = (await http.post("/api/api-keys", json={"name": "files"}, headers=named)).json()["key"]
        http.headers["authorization"] = f"Bearer {key}"
        made = Player(http, servers[0])
        made.flows["subflow_child"] = await made.imported("subflow_child")
        await made.publish(made.flows["subflow_child"])
        yield made
    await hub.close()
    await redis.close()
    await db.dispose()
    jobs.set_dispatcher(None)
