"""What goes wrong on a person's machine ends in one sentence and exit code 2, never in a traceback."""

import fcntl
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def app(*arguments: str, **environment: str) -> tuple[int, str]:
    """The exit code and everything said, with nothing of this machine's own settings."""
    unwanted = {"DATABASE_URL", "REDIS_URL", "SECRET_KEYS", "DATA_DIR", "PORT", "HOST"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    done = subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        cwd=ROOT,
        env={**kept, "LANG": "en_US.UTF-8", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr + done.stdout


def test_a_taken_port(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, said = app("up", DATA_DIR=str(tmp_path), PORT=str(port))
    assert code == 2
    assert said.startswith(f"Port {port} is taken")
    assert f"PORT={port + 1}" in said


def test_a_data_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    code, said = app("up", DATA_DIR=str(file / "data"))
    assert code == 2
    assert said.startswith(f"The data folder {file}/data cannot be written")


def test_a_data_folder_in_use(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, said = app("up", DATA_DIR=str(tmp_path), PORT="0")
    assert code == 2
    assert said.startswith(f"Prometey is just starting or stopping on the data folder {tmp_path}")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://root@localhost/x", "DATABASE_URL must look like postgresql://"),
        ("postgresql://nobody:secret-word@127.0.0.1:9/x", "The database of DATABASE_URL does not answer"),
    ],
)
def test_a_wrong_database(tmp_path: Path, redis_url: str, url: str, words: str) -> None:
    code, said = app("up", DATA_DIR=str(tmp_path), PORT="0", DATABASE_URL=url, REDIS_URL=redis_url)
    assert code == 2
    assert words in said
    assert "secret-word" not in said


def test_a_wrong_redis(tmp_path: Path, database_url: str) -> None:
    code, said = app(
        "up", DATA_DIR=str(tmp_path), PORT="0", DATABASE_URL=database_url, REDIS_URL="redis://127.0.0.1:9/0"
    )
    assert code == 2
    assert "The Redis of REDIS_URL does not answer" in said


def test_a_damaged_secrets_file(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{")
    code, said = app("up", DATA_DIR=str(tmp_path), PORT="0")
    assert code == 2
    assert f"{tmp_path}/secrets.json is damaged" in said


@pytest.mark.parametrize("command", ["web", "worker"])
def test_a_serving_process_names_what_is_not_set(command: str) -> None:
    code, said = app(command)
    assert code == 2
    assert "DATABASE_URL is not set; REDIS_URL is not set; SECRET_KEYS is not set" in said


def test_every_wrong_setting_is_named_at_once() -> None:
    code, said = app("migrate", PORT="http", SECRET_KEYS="short")
    assert code == 2
    assert "PORT" in said
    assert "SECRET_KEYS" in said


def test_the_language_of_the_terminal() -> None:
    code, said = app("web", LANG="ru_RU.UTF-8", LC_ALL="ru_RU.UTF-8")
    assert code == 2
    assert "переменные окружения" in said


def test_secrets_belong_to_the_owner_alone(tmp_path: Path, redis_url: str) -> None:
    app(
        "up",
        DATA_DIR=str(tmp_path / "data"),
        PORT="0",
        DATABASE_URL="postgresql://a@127.0.0.1:9/x",
        REDIS_URL=redis_url,
    )
    secrets = tmp_path / "data" / "secrets.json"
    assert secrets.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert len(set(json.loads(secrets.read_text()).values())) == 4


def test_run_refuses_what_is_no_flow_and_no_input(tmp_path: Path) -> None:
    code, said = app("run", str(tmp_path / "none.json"))
    assert code == 2
    assert "none.json cannot be read: No such file or directory" in said
    (tmp_path / "bad.json").write_text('{"nodes": [')
    code, said = app("run", str(tmp_path / "bad.json"))
    assert code == 2
    assert "bad.json is not a JSON object" in said
    (tmp_path / "flow.json").write_text("{}")
    code, said = app("run", str(tmp_path / "flow.json"), "--input", "[1]")
    assert code == 2
    assert "--input is not a JSON object: list" in said


def test_check_names_every_problem_and_its_place(tmp_path: Path) -> None:
    sound = ROOT / "app" / "services" / "templates" / "en" / "support_triage.flow.json"
    assert app("check", str(sound)) == (0, "No problems.\n")

    flow = json.loads(sound.read_text())
    flow["nodes"].append({**flow["nodes"][0], "id": "odd", "type": "no.such"})
    (tmp_path / "flow.json").write_text(json.dumps(flow))
    code, said = app("check", str(tmp_path / "flow.json"))
    assert code == 1
    assert "error: odd" in said
    assert "no.such" in said

    (tmp_path / "flow.json").write_text('{"schema": "flow/1", "nodes": [], "nodes": []}')
    code, said = app("check", str(tmp_path / "flow.json"))
    assert code == 2
    assert "nodes" in said
