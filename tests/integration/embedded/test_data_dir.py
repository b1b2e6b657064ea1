"""One owner at a time; another terminal finds the running instance and nobody else's."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.embedded.data_dir import DataDir, EmbeddedError, Endpoints, free_port, port_taken

ROOT = Path(__file__).parents[3]
ENDPOINTS = Endpoints(
    pid=1, url="http://here", database_url="d", redis_url="r", demo_llm_url="m", embedded=True
)
OWNER = """
import sys; sys.path.insert(0, sys.argv[2])
from pathlib import Path
from app.embedded.data_dir import DataDir
data = DataDir(Path(sys.argv[1])); data.prepare(); data.lock(); print("mine", flush=True); sys.stdin.read()
"""


def test_a_folder_has_one_owner_and_the_other_is_told_where(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    data.prepare()
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(data.root), str(ROOT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"mine\n"
        data.announce(ENDPOINTS)
        assert data.running() == ENDPOINTS
        with pytest.raises(EmbeddedError) as refusal:
            data.lock()
        assert refusal.value.error_code == "embedded.already_running"
        assert refusal.value.context["url"] == "http://here"
        owner.kill()
    # A killed owner leaves its addresses behind, but not its lock.
    assert (data.root / "endpoints.json").exists()
    assert data.running() is None
    data.lock()
    data.release()


def test_secrets_are_made_once(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    data.prepare()
    assert data.secrets() == data.secrets()
    other = DataDir(tmp_path / "other")
    other.prepare()
    assert other.secrets() != data.secrets()


def test_ports() -> None:
    port = free_port()
    assert not port_taken("127.0.0.1", port)
