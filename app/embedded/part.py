"""One supervised process as a value: how to start it, how to know that it serves, how to stop it."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from app.embedded import launch
from app.embedded.data_dir import EmbeddedError

_LONGEST_LOG = 20 * 1024 * 1024


def _nothing() -> None:
    return None


def _at_once() -> bool:
    return True


class LogMark:
    """Readiness of a part that announces it in its log alone: `set` before a start, `seen` after."""

    def __init__(self, log: Path, words: str) -> None:
        self._log, self._words, self._from = log, words.encode(), 0

    def set(self) -> None:
        self._from = self._log.stat().st_size if self._log.exists() else 0

    def seen(self) -> bool:
        try:
            with self._log.open("rb") as file:
                file.seek(self._from)
                return self._words in file.read()
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class Part:
    """`ready` answers quickly and never raises; `prepare` runs before every start and may raise `EmbeddedError`.

    What `serves_others` is stopped last.
    """

    name: str
    argv: tuple[str, ...]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    ready: Callable[[], bool] = _at_once
    prepare: Callable[[], None] = _nothing
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_s: float = 10
    start_timeout_s: float = 60
    unprivileged: bool = False
    serves_others: bool = False

    def command(self) -> list[str]:
        return launch.command(
            list(self.argv), on_parent_death=self.stop_signal, unprivileged=self.unprivileged
        )

    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.env}

    def open_log(self) -> IO[bytes]:
        """The log to append to. A long one is set aside first, so that two files are all a part ever keeps."""
        if self.log.exists() and self.log.stat().st_size > _LONGEST_LOG:
            self.log.replace(self.log.with_suffix(".old.log"))
        return self.log.open("ab")

    def last_words(self, lines: int = 12) -> str:
        """The end of the log, for a person who has to find out what happened."""
        try:
            text = self.log.read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


class Running:
    """A part started outside the supervisor (tests, short commands), stopped by `stop`."""

    def __init__(self, part: Part) -> None:
        """Start and wait until it serves. Raises `EmbeddedError` with the end of its log when it does not."""
        self.part = part
        with part.open_log() as log:
            part.prepare()
            self.process = subprocess.Popen(  # noqa: S603 - our own argv
                part.command(),
                env=part.environment(),
                cwd=part.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + part.start_timeout_s
        while not part.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise EmbeddedError("embedded.part_failed", part=part.name, log=part.last_words())
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(self.part.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(self.part.stop_timeout_s)
        kill_group(self.process.pid)
        self.process.wait()


def kill_group(leader: int) -> None:
    """Kill what a dead or hanging part left behind. Every part leads its own process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
