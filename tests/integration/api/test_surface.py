"""What holds for the whole API: documentation, problems, limits, headers, health, metrics."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from app.core import redis
from tests.integration.api.conftest import Person, problem


async def test_the_documentation_covers_every_call(client: httpx.AsyncClient) -> None:
    document = (await client.get("/api/openapi.json")).json()
    for path in ("/api/auth/login", "/api/api-keys", "/api/flows", "/api/flows/{flow_id}/operations"):
        assert path in document["paths"]


async def test_the_documentation_needs_no_other_server(client: httpx.AsyncClient) -> None:
    page = (await client.get("/api/docs")).text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(addresses) == 3
    for address in addresses:
        assert address.startswith("/api/docs/")
        assert (await client.get(address)).status_code == 200
    problem(await client.get("/api/docs/other.js"), 404, "not_found")


async def test_every_call_but_signing_in_asks_who_is_there(client: httpx.AsyncClient) -> None:
    document = (await client.get("/api/openapi.json")).json()
    open_calls = {"/api/auth/signup", "/api/auth/login", "/api/auth/refresh", "/api/auth/logout"}
    asked = 0
    for path, methods in document["paths"].items():
        if path in open_calls or path.startswith("/api/health"):
            continue
        for method in methods:
            concrete = path.replace("{", "").replace("}", "")
            for part in path.split("/"):
                if part.startswith("{") and part.endswith("}"):
                    concrete = concrete.replace(part[1:-1], "01890000-0000-7000-8000-000000000000")
            answer = await client.request(method.upper(), concrete, json={})
            assert answer.status_code in (401, 404, 422), (method, path, answer.status_code)
            asked += answer.status_code == 401
    assert asked > 15


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/nothing", 404, "not_found"),
        ("PATCH", "/api/flows", 405, "method_not_allowed"),
        ("DELETE", "/api/auth/login", 405, "method_not_allowed"),
        ("GET", "/api/flows/not-an-id", 404, "not_found"),
    ],
)
async def test_a_wrong_address_is_a_problem_too(
    ann: Person, method: str, path: str, status: int, code: str
) -> None:
    problem(await ann.http.request(method, path), status, code)


async def test_a_body_that_is_no_json_names_the_place(ann: Person) -> None:
    for path in ("/api/api-keys", "/api/flows"):
        answer = await ann.http.post(
            path, content='{"name": ', headers={"content-type": "application/json", "accept-language": "ru"}
        )
        refused = problem(answer, 400, "request.malformed_json")
        assert refused["context"]["path"] == "body"
        assert "JSON" in refused["detail"]


async def test_a_large_body_is_refused_with_or_without_a_length(ann: Person) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(6):
            yield b"x" * 1_000_000

    problem(await ann.http.post("/api/flows/import", content=b"x" * 5_000_000), 413, "request.too_large")
    problem(await ann.http.post("/api/flows/import", content=pieces()), 413, "request.too_large")
    problem(
        await ann.http.post("/api/api-keys", content=pieces(), headers={"content-type": "application/json"}),
        413,
        "request.too_large",
    )


async def test_refusals_speak_the_readers_language(client: httpx.AsyncClient) -> None:
    english = problem(await client.get("/api/flows"), 401, "auth.required")
    russian = await client.get("/api/flows", headers={"accept-language": "fr, ru;q=0.9, en;q=0.3"})
    assert problem(russian, 401, "auth.required")["detail"] != english["detail"]


async def test_answers_keep_browsers_careful(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/api/health")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"


async def test_readiness_names_the_part_that_is_missing(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/health")).json() == {"status": "ok"}
    await redis.client().delete("prometey:worker:alive")
    missing = problem(await client.get("/api/health/ready"), 503, "health.not_ready")
    assert missing["context"]["checks"] == {
        "postgresql": "ok",
        "migrations": "ok",
        "redis": "ok",
        "worker": "none",
    }
    await redis.client().set("prometey:worker:alive", "1", ex=30)
    ready = await client.get("/api/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")


async def test_metrics_count_requests_by_route(client: httpx.AsyncClient, ann: Person) -> None:
    await ann.http.get("/api/flows/01890000-0000-7000-8000-000000000000")
    text = (await client.get("/metrics")).text
    assert 'route="/api/flows/{flow_id}",status="404"' in text
    assert "prometey_http_request_seconds_bucket" in text
