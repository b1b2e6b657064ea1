"""One long-lived event loop a worker process, on which all of its runs are driven.

An async actor would hold a Dramatiq thread for as long as its run takes; here an actor hands the run over and is
done. `submit` blocks while the process is full, so that no worker hoards messages.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future

import structlog
import uvloop

_log = structlog.get_logger()
Drive = Callable[[str], Awaitable[None]]
Service = Callable[[], Awaitable[None]]


class DriverPool:
    """Runs `drive(run_id)` for every submitted id, and `services` (the sweeper, heartbeats) beside them."""

    def __init__(self, drive: Drive, services: tuple[Service, ...], close: Service, limit: int) -> None:
        self._drive, self._services, self._close = drive, services, close
        self._room = threading.BoundedSemaphore(limit)
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="driver-pool", daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    def start(self) -> None:
        self._thread.start()

    def submit(self, run_id: str) -> None:
        """Hand a run over. Called from any thread; waits for room."""
        self._room.acquire()
        if self._stopping:
            self._room.release()
            return
        self._loop.call_soon_threadsafe(self._begin, run_id)

    def call(self, action: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(action)

    def stop(self, timeout_s: float) -> None:
        """Give all runs back and end the loop."""
        self._stopping = True
        done: Future[None] = asyncio.run_coroutine_threadsafe(self._wind_up(), self._loop)
        try:
            done.result(timeout_s)
        except TimeoutError:
            _log.warning("driver_pool.stopped_late")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        for service in self._services:
            self._keep(self._loop.create_task(self._serve(service)))
        self._loop.run_forever()

    def _begin(self, run_id: str) -> None:
        self._keep(self._loop.create_task(self._drive_one(run_id)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drive_one(self, run_id: str) -> None:
        try:
            await self._drive(run_id)
        except Exception:
            # The lease runs out, the sweeper rings again, and the attempts counter ends a run that never works.
            _log.exception("flow_run.drive_failed", run_id=run_id)
        finally:
            self._room.release()

    async def _serve(self, service: Service) -> None:
        """A service that fails is started again: a lost database comes back."""
        while True:
            try:
                await service()
            except Exception as error:
                _log.warning(
                    "driver_pool.service_failed", error=type(error).__name__, detail=str(error)[:200]
                )
                await asyncio.sleep(1)

    async def _wind_up(self) -> None:
        own = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not own]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._close()
