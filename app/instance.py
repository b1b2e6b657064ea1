"""Runs an instance on this machine for a command: until a signal (`up`) or until one flow has run (`run`)."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from app.api_client import run_flow
from app.console import say
from app.core.settings import Settings
from app.embedded.data_dir import DataDir, free_port, port_taken
from app.embedded.stack import DEMO_EMAIL, Options, Stack
from app.errors import AppError

_OTHER_PORTS = 100


class PortTaken(AppError):
    code, status = "cli.port_taken", 500


def serve(root: Path, settings: Settings) -> int:
    """Start everything, print the address, stay until a signal. Raises `AppError` when something will not start."""
    began = time.monotonic()
    data = DataDir(settings.data_dir)
    data.prepare()
    data.lock()
    if settings.port and port_taken(settings.host, settings.port):
        raise PortTaken(port=settings.port, other=_other_port(settings))
    options = _options(root, settings, port=settings.port or free_port())
    stack = Stack(options, data, _speak)

    async def until_signal(stopped: asyncio.Event) -> int:
        say("cli.ready", seconds=f"{time.monotonic() - began:.1f}", url=options.base_url)
        if stack.embedded_database:
            say("cli.demo_sign_in", email=DEMO_EMAIL, password=data.secrets().demo_password)
        say("cli.how_to_stop", folder=str(data.log("web").parent))
        await stopped.wait()
        say("cli.stopping")
        return 0

    code = asyncio.run(_while_up(stack, until_signal))
    say("cli.stopped")
    return code


def run_file(
    root: Path, settings: Settings, flow: dict[str, Any], run_input: dict[str, Any]
) -> dict[str, Any]:
    """Run a flow that is stored nowhere, on the running instance or on one started for it. Returns the run."""
    data = DataDir(settings.data_dir)
    data.prepare()
    running = data.running()
    if running and not running.embedded:
        # Somebody's own servers have no demo account: work beside them.
        data = DataDir(settings.data_dir / "run")
        data.prepare()
        running = data.running()
    account = (DEMO_EMAIL, data.secrets().demo_password)
    if running:
        return run_flow(running.url, account, flow, run_input)
    data.lock()
    port = free_port()
    options = Options(
        root=root, host="127.0.0.1", port=port, base_url=f"http://127.0.0.1:{port}", pages=False
    )
    runs: list[dict[str, Any]] = []

    async def one_run(stopped: asyncio.Event) -> int:
        runs.append(await asyncio.to_thread(run_flow, options.base_url, account, flow, run_input))
        return 0

    asyncio.run(_while_up(Stack(options, data, _hush), one_run))
    if not runs:
        raise KeyboardInterrupt
    return runs[0]


async def _while_up(stack: Stack, work: Callable[[asyncio.Event], Awaitable[int]]) -> int:
    """Start the stack, do the work, stop the stack. A signal cuts the start short and is told to the work."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    try:
        starting = asyncio.create_task(stack.start())
        waiting = asyncio.create_task(stopped.wait())
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not starting.done():
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting
            return 130
        starting.result()
        return await work(stopped)
    finally:
        await stack.stop()


def _options(root: Path, settings: Settings, *, port: int) -> Options:
    return Options(
        root=root,
        host=settings.host,
        port=port,
        base_url=settings.public_url.rstrip("/") or f"http://{_shown_host(settings.host)}:{port}",
        database_url=settings.database_url,
        redis_url=settings.redis_url,
        secret_keys=",".join(f"{key.kid}:{key.key}" for key in settings.secret_keys),
        demo_llm_url=settings.demo_llm_url,
    )


def _shown_host(host: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"[{host}]" if ":" in host else host


def _other_port(settings: Settings) -> int:
    """A free port near the wished one."""
    near = range(settings.port + 1, min(settings.port + _OTHER_PORTS, 65_535))
    return next((port for port in near if not port_taken(settings.host, port)), free_port())


def _speak(event: str, **context: Any) -> None:
    say(f"cli.{event}", **context)


def _hush(event: str, **context: Any) -> None:
    """A command whose result is its output speaks of trouble alone."""
    if event == "part_died":
        _speak(event, **context)
