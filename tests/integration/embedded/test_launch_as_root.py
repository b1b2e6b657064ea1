"""PostgreSQL refuses root: with user namespaces it is fooled, without them it runs as nobody. Both keep closed folders."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from app.embedded import launch
from app.embedded.data_dir import free_port
from app.embedded.part import Running
from app.embedded.postgres import Postgres

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change who it is")
_NO_SUCH_NAMESPACE = "0x1"


@pytest.fixture
def closed_folder(tmp_path: Path) -> Iterator[Path]:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    yield closed / "data"
    shutil.rmtree(closed)


def serves_twice(folder: Path) -> int:
    """Create a cluster, serve, stop, serve again. Returns the owner of its files."""
    folder.mkdir()
    server = Postgres(folder / "pg", free_port(), "secret-word", folder / "log")
    for _ in range(2):
        running = Running(server.part())
        server.ensure_database()
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        running.stop()
    return (folder / "pg").stat().st_uid


@pytest.mark.skipif(not launch.namespaces_allowed(), reason="this machine forbids user namespaces")
def test_behind_a_user_namespace_the_files_stay_roots(closed_folder: Path) -> None:
    assert serves_twice(closed_folder) == 0


def test_where_namespaces_are_forbidden_it_runs_as_nobody(
    closed_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Path(launch.__file__).read_text()
    assert script.count("0x10000000") == 1
    forbidding = tmp_path / "launch.py"
    forbidding.write_text(script.replace("0x10000000", _NO_SUCH_NAMESPACE))
    monkeypatch.setattr(launch, "__file__", str(forbidding))
    monkeypatch.setattr(launch, "_CLONE_NEWUSER", int(_NO_SUCH_NAMESPACE, 16))
    assert not launch.namespaces_allowed()
    assert serves_twice(closed_folder) == 65534
