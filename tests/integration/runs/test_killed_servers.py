"""PostgreSQL and Valkey are killed while runs are under way, and come back on the same address."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from app.core.principal import Principal
from app.embedded.data_dir import free_port
from app.embedded.part import Running
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey
from tests.integration.runs.conftest import ROOT, Model, Workers, until
from tests.integration.runs.test_survival import RUNS, THREE_CALLS, all_succeeded, start


@dataclass(frozen=True)
class Servers:
    """Servers of one test, so that it may kill them."""

    postgres: Running
    valkey: Running
    database_url: str
    redis_url: str


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    password = secrets.token_urlsafe(12)
    postgres = Postgres(tmp_path / "postgres", free_port(), password, tmp_path / "postgres.log")
    valkey = Valkey(tmp_path / "valkey", free_port(), password, tmp_path / "valkey.log", durable=False)
    running = Servers(Running(postgres.part()), Running(valkey.part()), postgres.url(), valkey.url)
    postgres.ensure_database()
    subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": postgres.url()},
        check=True,
    )
    yield running
    running.valkey.stop()
    running.postgres.stop()


@pytest.fixture
def database_url(servers: Servers) -> str:
    return servers.database_url


@pytest.fixture
def redis_url(servers: Servers) -> str:
    return servers.redis_url


@pytest.mark.timeout(120)
async def test_valkey_is_killed_and_comes_back_empty(
    principal: Principal, workers: Workers, servers: Servers
) -> None:
    workers.start()
    runs = await start(principal, THREE_CALLS)
    servers.valkey.process.kill()
    servers.valkey.process.wait()
    more = await start(principal, THREE_CALLS)
    back = Running(servers.valkey.part)
    try:
        await until(partial(all_succeeded, principal, [*runs, *more]), 40)
    finally:
        back.stop()


@pytest.mark.timeout(120)
async def test_postgresql_is_killed_and_comes_back(
    principal: Principal, workers: Workers, servers: Servers, model: Model
) -> None:
    workers.start()
    runs = await start(principal, THREE_CALLS)
    await until(lambda: sum(model.calls.values()) > RUNS)
    servers.postgres.process.kill()
    servers.postgres.process.wait()
    back = Running(servers.postgres.part)
    try:
        await until(partial(all_succeeded, principal, runs), 60)
    finally:
        back.stop()
    for number in range(RUNS):
        assert model.calls[f"first of {number}"] == 1
