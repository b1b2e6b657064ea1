"""The embedded servers start, keep what they were told through `kill -9`, and come back on the same folder."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from app.embedded.data_dir import EmbeddedError, free_port
from app.embedded.part import Running
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey


@pytest.fixture
def durable_postgres(tmp_path: Path) -> Postgres:
    return Postgres(tmp_path / "pg", free_port(), "secret-word", tmp_path / "log")


@pytest.fixture
def durable_valkey(tmp_path: Path) -> Valkey:
    return Valkey(tmp_path / "valkey", free_port(), "secret-word", tmp_path / "log")


@pytest.fixture
def running_postgres(durable_postgres: Postgres) -> Iterator[Running]:
    running = Running(durable_postgres.part())
    yield running
    running.stop()


def test_has_vector_and_full_text_search_in_both_languages(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        nearest = connection.execute("SELECT '[1,2]'::vector <-> '[1,2]'::vector").fetchone()
        russian = connection.execute(
            "SELECT to_tsvector('russian', 'договоры') @@ to_tsquery('russian', 'договор')"
        ).fetchone()
    assert nearest == (0.0,)
    assert russian == (True,)


def test_refuses_a_wrong_password(postgres: Postgres) -> None:
    wrong = postgres.url("postgres").replace(postgres.password, "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_postgres_keeps_committed_rows_through_kill_9(
    durable_postgres: Postgres, running_postgres: Running
) -> None:
    with psycopg.connect(durable_postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept SELECT generate_series(1, 500)")
    os.kill(running_postgres.process.pid, signal.SIGKILL)
    running_postgres.process.wait()

    again = Running(durable_postgres.part())
    try:
        with psycopg.connect(durable_postgres.url("postgres")) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (500,)
    finally:
        again.stop()


def test_postgres_starts_though_its_old_process_id_belongs_to_another(durable_postgres: Postgres) -> None:
    Running(durable_postgres.part()).stop()
    (durable_postgres.folder / "postmaster.pid").write_text(f"{os.getpid()}\n{durable_postgres.folder}\n")

    Running(durable_postgres.part()).stop()


def test_valkey_keeps_what_it_was_told_through_kill_9(durable_valkey: Valkey) -> None:
    running = Running(durable_valkey.part())
    client = redis.Redis.from_url(durable_valkey.url)
    client.set("kept", "yes")
    time.sleep(1.2)  # the append-only file is synced each second
    os.kill(running.process.pid, signal.SIGKILL)
    running.process.wait()

    again = Running(durable_valkey.part())
    try:
        assert client.get("kept") == b"yes"
    finally:
        again.stop()


def test_valkey_asks_for_the_password_and_hides_it_from_the_process_list(valkey: Valkey) -> None:
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=valkey.port, retry=None).ping()
    command_lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
    assert not any(valkey.password.encode() in line for line in command_lines)


def test_a_server_that_cannot_start_shows_the_end_of_its_log(durable_valkey: Valkey, valkey: Valkey) -> None:
    taken = Valkey(durable_valkey.folder, valkey.port, "other", durable_valkey.log)
    with pytest.raises(EmbeddedError) as failure:
        Running(taken.part())
    assert failure.value.error_code == "embedded.part_failed"
    assert "bind" in failure.value.context["log"]


def test_both_servers_are_stopped_last(durable_postgres: Postgres, durable_valkey: Valkey) -> None:
    assert durable_postgres.part().serves_others
    assert durable_valkey.part().serves_others
