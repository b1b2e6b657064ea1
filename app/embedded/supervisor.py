"""Starts parts in parallel, restarts what dies with a growing pause, stops all in order."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from app.embedded.data_dir import EmbeddedError
from app.embedded.part import Part, kill_group

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 10.0
_HEALTHY_AFTER_S = 10.0
_BOOT_ATTEMPTS = 3

Report = Callable[[str, Part, int | None], None]


@dataclass(slots=True)
class _Kept:
    part: Part
    process: asyncio.subprocess.Process | None = None
    task: asyncio.Task[None] | None = None


class Supervisor:
    """Keeps parts alive until `stop`. `report(event, part, exit_code)` hears `part_died` and `part_back`."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._kept: list[_Kept] = []
        self._stopping = False

    async def start(self, part: Part) -> None:
        """Start and wait until it serves. Raises `EmbeddedError` when it does not after a few attempts.

        From then on the part is started again whenever it ends, until `stop`.
        """
        kept = _Kept(part)
        self._kept.append(kept)
        for attempt in range(1, _BOOT_ATTEMPTS + 1):
            await self._launch(kept)
            if await self._until_ready(kept):
                break
            await self._end(kept)
            if attempt == _BOOT_ATTEMPTS:
                raise EmbeddedError("embedded.part_failed", part=part.name, log=part.last_words())
            await asyncio.sleep(_FIRST_PAUSE_S * attempt)
        kept.task = asyncio.create_task(self._keep(kept), name=f"keep {part.name}")

    def pid(self, name: str) -> int | None:
        """The process id of a part, for whoever wants to look at it (or to kill it, in a test)."""
        for kept in self._kept:
            if kept.part.name == name and kept.process is not None:
                return kept.process.pid
        return None

    async def stop(self) -> None:
        """Stop those who use the servers, then the servers, each within its own time. Never raises."""
        self._stopping = True
        for serves_others in (False, True):
            group = [kept for kept in self._kept if kept.part.serves_others is serves_others]
            await asyncio.gather(*(self._retire(kept) for kept in group))
        self._kept.clear()

    async def _retire(self, kept: _Kept) -> None:
        if kept.task is not None:
            kept.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await kept.task
        await self._end(kept)

    async def _launch(self, kept: _Kept) -> None:
        part = kept.part
        with part.open_log() as log:
            await asyncio.to_thread(part.prepare)
            kept.process = await asyncio.create_subprocess_exec(
                *part.command(),
                env=part.environment(),
                cwd=part.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def _until_ready(self, kept: _Kept) -> bool:
        deadline = time.monotonic() + kept.part.start_timeout_s
        while time.monotonic() < deadline:
            if kept.process is None or kept.process.returncode is not None:
                return False
            if await asyncio.to_thread(kept.part.ready):
                return True
            await asyncio.sleep(0.03)
        return False

    async def _keep(self, kept: _Kept) -> None:
        pause = _FIRST_PAUSE_S
        while not self._stopping:
            born = time.monotonic()
            if kept.process is not None:
                code = await kept.process.wait()
                kill_group(kept.process.pid)
                self._report("part_died", kept.part, code)
            if time.monotonic() - born > _HEALTHY_AFTER_S:
                pause = _FIRST_PAUSE_S
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)
            await self._start_again(kept)

    async def _start_again(self, kept: _Kept) -> None:
        try:
            await self._launch(kept)
        except (EmbeddedError, OSError):
            kept.process = None
            return
        if await self._until_ready(kept):
            self._report("part_back", kept.part, None)
        else:
            await self._end(kept)

    async def _end(self, kept: _Kept) -> None:
        process = kept.process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(kept.part.stop_signal)
            try:
                await asyncio.wait_for(process.wait(), kept.part.stop_timeout_s)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGKILL)
                await process.wait()
        kill_group(process.pid)


async def run_once(part: Part) -> None:
    """Run a part that ends by itself. Raises `EmbeddedError` with the end of its log when it fails."""
    part.log.unlink(missing_ok=True)
    with part.log.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *part.command(),
            env=part.environment(),
            cwd=part.cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        code = await process.wait()
    finally:
        kill_group(process.pid)
    if code != 0:
        raise EmbeddedError("embedded.part_failed", part=part.name, log=part.last_words())
