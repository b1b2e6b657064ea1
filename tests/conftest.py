"""What every test may ask for: a real PostgreSQL and Valkey of its own, and no network beyond what its kind allows.

Each pytest process (so each xdist worker) starts its servers once, on first use. The migrated template database is
made once and cloned for each test that asks for `database_url`.
"""

import itertools
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from pytest_socket import disable_socket, enable_socket, socket_allow_hosts

from app.core.settings import get_settings
from app.embedded.data_dir import free_port
from app.embedded.part import Running
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey

ROOT = Path(__file__).parent.parent
TEMPLATE = "prometey_template"
_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "loopback: a unit test that needs a server of its own on 127.0.0.1")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Unit tests touch no network; every other test reaches this machine alone."""
    if "unit" in item.path.relative_to(ROOT / "tests").parts and not item.get_closest_marker("loopback"):
        disable_socket(allow_unix_socket=True)
    else:
        enable_socket()
        socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


def pytest_runtest_teardown() -> None:
    enable_socket()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A running cluster of this pytest process."""
    folder = tmp_path_factory.mktemp("postgres")
    server = Postgres(
        folder=folder / "data",
        port=free_port(),
        password=secrets.token_urlsafe(12),
        log=folder / "postgres.log",
        durable=False,
    )
    running = Running(server.part())
    yield server
    running.stop()


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A running Valkey of this pytest process."""
    folder = tmp_path_factory.mktemp("valkey")
    server = Valkey(
        folder=folder, port=free_port(), password=secrets.token_urlsafe(12), log=folder / "log", durable=False
    )
    running = Running(server.part())
    yield server
    running.stop()


@pytest.fixture(scope="session")
def template_database(postgres: Postgres) -> str:
    """The name of a migrated, empty database to clone."""
    postgres.ensure_database(TEMPLATE)
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": postgres.url(TEMPLATE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return TEMPLATE


@pytest.fixture
def database_url(postgres: Postgres, template_database: str) -> Iterator[str]:
    """The URL of a fresh migrated database of this test."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template_database)
            )
        )
        yield postgres.url(name).replace("postgresql://", "postgresql+psycopg://")
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    """The URL of an empty Valkey."""
    valkey.flush()
    return valkey.url


@pytest.fixture
def product_environment(
    database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The environment of a process of the product, read anew by `get_settings`."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.setenv("SECRET_KEYS", f"test:{secrets.token_urlsafe(32)}")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("EMBEDDED", "true")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()
