"""The API in this process, over ASGI, on a PostgreSQL and a Valkey of its own. Each test signs up its own people."""

import itertools
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg import sql

from app.api.main import create_api
from app.core import db, redis
from app.core.settings import get_settings
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey

PASSWORD = "correct horse"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Person:
    """Somebody with a workspace. `http` sends their bearer token."""

    email: str
    user_id: str
    refresh_token: str
    http: httpx.AsyncClient


@pytest.fixture(scope="module")
def environment(
    postgres: Postgres, valkey: Valkey, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    name = f"api_{uuid4().hex[:12]}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template_database)
            )
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", postgres.url(name))
        patch.setenv("REDIS_URL", valkey.url)
        patch.setenv("SECRET_KEYS", f"new:{secrets.token_urlsafe(32)},old:{secrets.token_urlsafe(32)}")
        patch.setenv("DATA_DIR", str(tmp_path_factory.mktemp("data")))
        get_settings.cache_clear()
        yield
    get_settings.cache_clear()


@pytest.fixture(scope="module")
async def transport(environment: None) -> AsyncIterator[httpx.ASGITransport]:
    yield httpx.ASGITransport(create_api(), raise_app_exceptions=False)
    await db.dispose()
    await redis.close()


@pytest.fixture
async def client(transport: httpx.ASGITransport) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody the API does not know."""
    async with httpx.AsyncClient(transport=transport, base_url="http://prometey.test") as http:
        yield http


@pytest.fixture
async def join(
    transport: httpx.ASGITransport, client: httpx.AsyncClient
) -> AsyncIterator[Callable[[], Awaitable[Person]]]:
    """Sign up and in a new person."""
    opened: list[httpx.AsyncClient] = []

    async def new_person() -> Person:
        email = f"person{next(_numbers)}-{secrets.token_hex(3)}@example.com"
        body = {"email": email, "password": PASSWORD, "name": "Ann"}
        assert (await client.post("/api/auth/signup", json=body)).status_code == 201
        login = (await client.post("/api/auth/login", json={"email": email, "password": PASSWORD})).json()
        http = httpx.AsyncClient(
            transport=transport,
            base_url="http://prometey.test",
            headers={"authorization": f"Bearer {login['access_token']}"},
        )
        opened.append(http)
        return Person(email, login["user"]["id"], login["refresh_token"], http)

    yield new_person
    for http in opened:
        await http.aclose()


@pytest.fixture
async def ann(join: Callable[[], Awaitable[Person]]) -> Person:
    return await join()


@pytest.fixture
async def bob(join: Callable[[], Awaitable[Person]]) -> Person:
    return await join()


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The body of a refusal, after checking that it is a problem with this status and code."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["code"] == code
    assert body["status"] == status
    assert body["detail"]
    assert not body["detail"].startswith("errors.")
    return body
