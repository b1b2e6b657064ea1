"""`DATA_DIR`: who may use it, the secrets generated into it, logs, and the addresses of a running instance."""

import fcntl
import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from app.errors import AppError


class EmbeddedError(AppError):
    """The embedded mode cannot go on. The code names the sentence (`errors.<code>`)."""

    code, status = "embedded.failed", 500


@dataclass(frozen=True, slots=True)
class Secrets:
    """Generated once per data folder; mode 0600."""

    postgres_password: str
    valkey_password: str
    secret_keys: str
    demo_password: str

    @classmethod
    def generate(cls) -> "Secrets":
        return cls(
            postgres_password=secrets.token_urlsafe(24),
            valkey_password=secrets.token_urlsafe(24),
            secret_keys=f"k1:{secrets.token_urlsafe(48)}",
            demo_password=f"demo-{secrets.token_hex(4)}",
        )


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a running instance listens, for commands in another terminal. Holds passwords; mode 0600."""

    pid: int
    url: str
    database_url: str
    redis_url: str
    demo_llm_url: str
    embedded: bool


class DataDir:
    """One data folder. Nothing else in the product writes into it by path."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        self._lock: IO[str] | None = None

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    def log(self, part: str) -> Path:
        return self.root / "logs" / f"{part}.log"

    def prepare(self) -> None:
        """Create the folder for its owner alone. Raises `EmbeddedError` naming the folder when it cannot."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in (self.root / "logs", self.valkey):
                path.mkdir(exist_ok=True)
            probe = self.root / f".writable-{os.getpid()}"
            probe.write_text("")
            probe.unlink()
        except OSError as error:
            raise EmbeddedError(
                "embedded.data_dir_unusable", folder=str(self.root), reason=error.strerror or str(error)
            ) from None

    def lock(self) -> None:
        """Own the folder until this process ends. Raises `EmbeddedError` when another instance runs on it."""
        handle = (self.root / "lock").open("a+")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.close()
            running = self.running()
            if running is None:  # it has the lock, but serves no more or not yet
                raise EmbeddedError("embedded.folder_in_use", folder=str(self.root)) from None
            raise EmbeddedError("embedded.already_running", folder=str(self.root), url=running.url) from None
        self._lock = handle

    def release(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def secrets(self) -> Secrets:
        """The folder's secrets, generated on first use."""
        path = self.root / "secrets.json"
        if not path.exists():
            self._write_private(path, asdict(Secrets.generate()))
        try:
            return Secrets(**_read(path))
        except TypeError:
            raise EmbeddedError("embedded.file_damaged", file=str(path)) from None

    def announce(self, endpoints: Endpoints) -> None:
        self._write_private(self.root / "endpoints.json", asdict(endpoints))

    def withdraw(self) -> None:
        (self.root / "endpoints.json").unlink(missing_ok=True)

    def running(self) -> Endpoints | None:
        """The live instance of another process on this folder, if there is one."""
        if not self._locked_elsewhere():
            return None
        try:
            return Endpoints(**_read(self.root / "endpoints.json"))
        except (OSError, EmbeddedError, TypeError):
            return None

    def _locked_elsewhere(self) -> bool:
        with (self.root / "lock").open("a+") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return self._lock is None
        return False

    def _write_private(self, path: Path, content: dict[str, Any]) -> None:
        draft = path.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(content, file, indent=2)
        draft.replace(path)


def free_port() -> int:
    """A port nobody listens on at this moment, on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_taken(host: str, port: int) -> bool:
    """Whether binding `host:port` would fail because somebody listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except ValueError:
        raise EmbeddedError("embedded.file_damaged", file=str(path)) from None
    if not isinstance(content, dict):
        raise EmbeddedError("embedded.file_damaged", file=str(path))
    return content
