"""The supervisor restarts what dies, takes everything down with it, and stops all in order."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from app.embedded.data_dir import EmbeddedError, free_port
from app.embedded.part import Part, Running
from app.embedded.supervisor import Supervisor, run_once

SERVER = """
import os, pathlib, signal, socket, sys, time
port, trace = int(sys.argv[1]), pathlib.Path(sys.argv[2])
def end(*_):
    with trace.open("a") as file: file.write(f"{port}\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
server = socket.socket(); server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", port)); server.listen()
while True: server.accept()[0].close()
"""


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def server_part(tmp_path: Path, name: str = "server", port: int | None = None) -> tuple[Part, int]:
    chosen = port or free_port()
    argv = (sys.executable, "-c", SERVER, str(chosen), str(tmp_path / "ended"))
    return Part(name=name, argv=argv, log=tmp_path / f"{name}.log", ready=lambda: listens(chosen)), chosen


async def until(condition: object, within_s: float = 10) -> None:
    assert callable(condition)
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


async def test_a_killed_part_comes_back_and_the_person_is_told(tmp_path: Path) -> None:
    told: list[tuple[str, str, int | None]] = []
    supervisor = Supervisor(lambda event, part, code: told.append((event, part.name, code)))
    part, port = server_part(tmp_path)
    await supervisor.start(part)
    first = supervisor.pid("server")
    assert first is not None
    try:
        os.kill(first, signal.SIGKILL)
        await until(lambda: len(told) == 2)
        assert told == [("part_died", "server", -signal.SIGKILL), ("part_back", "server", None)]
        assert listens(port)
        assert supervisor.pid("server") != first
    finally:
        await supervisor.stop()
    assert not listens(port)


async def test_children_of_a_killed_part_do_not_live_on(tmp_path: Path) -> None:
    child_port = free_port()
    family = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SERVER!r}, '{child_port}', '/dev/null'])"
    part = Part("family", (sys.executable, "-c", family), tmp_path / "log", ready=lambda: listens(child_port))
    supervisor = Supervisor(lambda event, part, code: None)
    await supervisor.start(part)
    await supervisor.stop()
    await until(lambda: not listens(child_port))


async def test_servers_stop_after_those_who_use_them(tmp_path: Path) -> None:
    supervisor = Supervisor(lambda event, part, code: None)
    database, database_port = server_part(tmp_path, "database")
    await supervisor.start(replace(database, serves_others=True))
    ports = set()
    for name in ("web", "worker"):
        part, port = server_part(tmp_path, name)
        await supervisor.start(part)
        ports.add(port)
    await supervisor.stop()
    ended = [int(line) for line in (tmp_path / "ended").read_text().splitlines()]
    assert set(ended[:2]) == ports
    assert ended[2:] == [database_port]


async def test_a_part_that_ignores_the_signal_is_killed_in_the_end(tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(99)"
    log = tmp_path / "log"
    part = Part(
        "deaf", (sys.executable, "-c", deaf), log, ready=lambda: b"up" in log.read_bytes(), stop_timeout_s=0.3
    )
    supervisor = Supervisor(lambda event, part, code: None)
    await supervisor.start(part)
    began = time.monotonic()
    await supervisor.stop()
    assert time.monotonic() - began < 5


async def test_a_part_that_never_starts_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    part = Part(
        "broken", (sys.executable, "-c", "raise SystemExit('no luck')"), tmp_path / "log", ready=lambda: False
    )
    supervisor = Supervisor(lambda event, part, code: None)
    with pytest.raises(EmbeddedError) as failure:
        await supervisor.start(part)
    await supervisor.stop()
    assert failure.value.error_code == "embedded.part_failed"
    assert "no luck" in failure.value.context["log"]


async def test_a_one_time_part_that_fails_says_why(tmp_path: Path) -> None:
    await run_once(Part("fine", (sys.executable, "-c", "pass"), tmp_path / "fine.log"))
    with pytest.raises(EmbeddedError) as failure:
        await run_once(
            Part("once", (sys.executable, "-c", "raise SystemExit('it is full')"), tmp_path / "log")
        )
    assert "it is full" in failure.value.context["log"]


def test_a_killed_parent_takes_its_parts_along(tmp_path: Path) -> None:
    part, port = server_part(tmp_path)
    parent = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess; subprocess.run({part.command()!r})"],
        stdin=subprocess.DEVNULL,
    )
    parent.kill()
    parent.wait()
    # The command was made for this process, so nobody else may become its parent.
    time.sleep(0.3)
    assert not listens(port)

    program = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); from pathlib import Path; "
        "from app.embedded.part import Part, Running; import socket; "
        f"Running(Part('server', {part.argv!r}, Path({str(part.log)!r}), "
        f"ready=lambda: socket.socket().connect_ex(('127.0.0.1', {port})) == 0)); print('up', flush=True); time.sleep(99)"
    )
    root = str(Path(__file__).parents[3])
    with subprocess.Popen([sys.executable, "-c", program, root], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        assert listens(port)
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 5
    while listens(port):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_running_stops_what_it_started(tmp_path: Path) -> None:
    part, port = server_part(tmp_path)
    running = Running(part)
    assert listens(port)
    running.stop()
    assert not listens(port)
