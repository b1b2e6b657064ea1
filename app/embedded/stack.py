"""One whole instance on one machine: which parts it has, in what order they start, what each is told."""

import asyncio
import http.client
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import redis

from app.embedded import migrations
from app.embedded.data_dir import DataDir, EmbeddedError, Endpoints, free_port
from app.embedded.frontend import Frontend, serving_environment
from app.embedded.part import LogMark, Part
from app.embedded.postgres import Postgres
from app.embedded.supervisor import Supervisor, run_once
from app.embedded.valkey import Valkey

Say = Callable[..., None]
DEMO_EMAIL = "demo@example.com"


@dataclass(frozen=True, slots=True)
class Options:
    """What a person decided. An empty `database_url`, `redis_url` or `secret_keys` means: embedded."""

    root: Path
    host: str
    port: int
    base_url: str
    database_url: str = ""
    redis_url: str = ""
    secret_keys: str = ""
    demo_llm_url: str = ""
    pages: bool = True


class Stack:
    """Starts an instance on `data` and keeps it alive. `say(event, **context)` hears what a person wants to know."""

    def __init__(self, options: Options, data: DataDir, say: Say) -> None:
        self._options, self._data, self._say = options, data, say
        self._secrets = data.secrets()
        self.supervisor = Supervisor(self._report)
        self.endpoints = self._choose_endpoints()

    @property
    def embedded_database(self) -> bool:
        return not self._options.database_url

    def environment(self) -> dict[str, str]:
        """What every process of the product is told."""
        return {
            "DATABASE_URL": self.endpoints.database_url,
            "REDIS_URL": self.endpoints.redis_url,
            "SECRET_KEYS": self._options.secret_keys or self._secrets.secret_keys,
            "DEMO_LLM_URL": self.endpoints.demo_llm_url,
            "DATA_DIR": str(self._data.root),
            "HOST": self._options.host,
            "PORT": str(self._options.port),
            "EMBEDDED": "true" if self.embedded_database else "false",
            "PYTHONUNBUFFERED": "1",
        }

    async def start(self) -> None:
        """Bring everything up, or raise `EmbeddedError` saying what would not. The caller stops in either case."""
        self._say("starting", folder=str(self._data.root))
        await self._try_given_servers()
        pages = asyncio.create_task(self._build_pages())
        try:
            await _all(self._start_database(), self._start_redis(), self._start_demo_llm())
            await self._migrate()
            await _all(self._seed(), self.supervisor.start(self._worker()), self._start_web(pages))
            await pages
        finally:
            pages.cancel()
        self._data.announce(self.endpoints)

    async def stop(self) -> None:
        self._data.withdraw()
        await self.supervisor.stop()

    def _choose_endpoints(self) -> Endpoints:
        options = self._options
        return Endpoints(
            pid=os.getpid(),
            url=options.base_url,
            embedded=self.embedded_database,
            database_url=options.database_url or self._postgres(free_port()).url(),
            redis_url=options.redis_url or self._valkey(free_port()).url,
            demo_llm_url=options.demo_llm_url or f"http://127.0.0.1:{free_port()}/v1",
        )

    def _postgres(self, port: int) -> Postgres:
        data = self._data
        return Postgres(data.postgres, port, self._secrets.postgres_password, data.log("postgres"))

    def _valkey(self, port: int) -> Valkey:
        data = self._data
        return Valkey(data.valkey, port, self._secrets.valkey_password, data.log("valkey"))

    async def _try_given_servers(self) -> None:
        """Servers a person named must answer before anything else is begun."""
        if self._options.database_url:
            self._say("using_database")
            await asyncio.to_thread(migrations.applied, self._options.database_url)
        if self._options.redis_url:
            self._say("using_redis")
            await asyncio.to_thread(_check_redis, self._options.redis_url)

    async def _start_database(self) -> None:
        if not self.embedded_database:
            return
        server = self._postgres(_port(self.endpoints.database_url))
        self._say("database" if server.initialised else "database_new")
        await self.supervisor.start(server.part())
        await asyncio.to_thread(server.ensure_database)

    async def _start_redis(self) -> None:
        if self._options.redis_url:
            return
        await self.supervisor.start(self._valkey(_port(self.endpoints.redis_url)).part())

    async def _start_demo_llm(self) -> None:
        if self._options.demo_llm_url:
            return
        port = _port(self.endpoints.demo_llm_url)
        argv = ("-m", "emulators.llm", "--port", str(port))
        await self.supervisor.start(
            self._python("demo_llm", argv, ready=lambda: _answers("127.0.0.1", port, "/v1/models"))
        )

    async def _migrate(self) -> None:
        applied = await asyncio.to_thread(migrations.applied, self.endpoints.database_url)
        if applied == migrations.heads(self._options.root / "alembic" / "versions"):
            return
        self._say("migrating")
        await run_once(self._python("migrations", ("-m", "app", "migrate")))

    async def _seed(self) -> None:
        """The demo workspace, once per database this instance made itself."""
        marker = self._data.postgres / "prometey-demo-seeded"
        if not self.embedded_database or marker.exists():
            return
        self._say("seeding")
        await run_once(self._python("seed", ("-m", "app.seed"), env=self._demo_account()))
        marker.touch()

    def _demo_account(self) -> dict[str, str]:
        return {"DEMO_EMAIL": DEMO_EMAIL, "DEMO_PASSWORD": self._secrets.demo_password}

    def _worker(self) -> Part:
        booted = LogMark(self._data.log("worker"), "Worker process is ready")
        part = self._python("worker", ("-m", "app", "worker"), ready=booted.seen, stop_timeout_s=20)
        return replace(part, prepare=booted.set)

    async def _start_web(self, pages: asyncio.Task[None]) -> None:
        await pages
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._options.host, self._options.host)  # noqa: S104
        await self.supervisor.start(
            self._python(
                "web",
                ("-m", "app", "web"),
                env=serving_environment(pages=self._options.pages),
                ready=lambda: _answers(host, self._options.port, "/api/health"),
            )
        )

    async def _build_pages(self) -> None:
        if not self._options.pages:
            return
        if await asyncio.to_thread(Frontend(self._options.root).current):
            return
        self._say("building_pages")
        await run_once(self._python("pages", ("-m", "app", "build")))
        self._say("pages_built")

    def _python(
        self,
        name: str,
        arguments: tuple[str, ...],
        *,
        env: dict[str, str] | None = None,
        ready: Callable[[], bool] = lambda: True,
        stop_timeout_s: float = 10,
    ) -> Part:
        return Part(
            name=name,
            argv=(sys.executable, *arguments),
            log=self._data.log(name),
            env={**self.environment(), **(env or {})},
            cwd=self._options.root,
            ready=ready,
            stop_timeout_s=stop_timeout_s,
        )

    def _report(self, event: str, part: Part, code: int | None) -> None:
        self._say(event, part=part.name, exit_code=code, file=str(part.log))


async def _all(*steps: Coroutine[Any, Any, None]) -> None:
    """Run steps together; the first failure cancels the others and is raised alone."""
    tasks = [asyncio.create_task(step) for step in steps]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


def _port(url: str) -> int:
    return int(url.rsplit(":", 1)[1].split("/", 1)[0])


def _answers(host: str, port: int, path: str) -> bool:
    """Whether a GET is answered with 200 within a second."""
    connection = http.client.HTTPConnection(host, port, timeout=1)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _check_redis(url: str) -> None:
    try:
        redis.Redis.from_url(url, socket_connect_timeout=5, retry=None).ping()
    except (redis.RedisError, OSError, ValueError) as error:
        raise EmbeddedError("embedded.redis_unreachable", reason=str(error)) from None
