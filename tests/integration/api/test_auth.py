"""People: signing up, in, on and out; keys for programs; what a wrong credential gets."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest

from app.auth import principals
from app.core.clock import held, now
from app.core.db import unit_of_work
from app.core.settings import get_settings
from app.services import accounts
from tests.integration.api.conftest import PASSWORD, Person, problem

SAME_ORIGIN = {"sec-fetch-site": "same-origin"}
Join = Callable[[], Awaitable[Person]]


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_sign_up_and_log_in_speak_the_contract(client: httpx.AsyncClient) -> None:
    body = {"email": "user@example.com", "password": "securePassword123", "name": "Имя Пользователя"}
    created = await client.post("/api/auth/signup", json=body, headers={"accept-language": "ru"})
    assert created.status_code == 201
    assert created.json()["message"] == "Пользователь успешно создан"
    user = created.json()["user"]
    assert user == {"id": user["id"], "email": "user@example.com", "name": "Имя Пользователя"}

    login = await client.post(
        "/api/auth/login", json={"email": "User@Example.com ", "password": "securePassword123"}
    )
    assert login.status_code == 200
    assert login.json()["user"] == user
    assert login.json()["refresh_token"]
    me = await client.get("/api/auth/me", headers=bearer(login.json()["access_token"]))
    assert me.json()["user"] == user


async def test_an_address_belongs_to_one_person(client: httpx.AsyncClient, ann: Person) -> None:
    body = {"email": ann.email.upper(), "password": PASSWORD, "name": "Other"}
    refused = problem(await client.post("/api/auth/signup", json=body), 409, "account.email_taken")
    assert refused["context"]["path"] == "body.email"


async def test_two_sign_ups_at_once_make_one_person(client: httpx.AsyncClient) -> None:
    body = {"email": "both@example.com", "password": PASSWORD, "name": "Both"}
    answers = await asyncio.gather(*(client.post("/api/auth/signup", json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        ({"email": "no address", "password": PASSWORD}, "account.email_invalid", "body.email"),
        ({"email": "x@example.com", "password": "short"}, "account.password_short", "body.password"),
        ({"password": PASSWORD}, "request.invalid", "body.email"),
        ({"email": "x@example.com", "password": PASSWORD, "admin": True}, "request.invalid", "body.admin"),
    ],
)
async def test_a_bad_sign_up_names_its_field(
    client: httpx.AsyncClient, body: dict[str, object], code: str, path: str
) -> None:
    refused = problem(await client.post("/api/auth/signup", json=body), 422, code)
    assert refused["context"]["path"] == path


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(
    client: httpx.AsyncClient, ann: Person
) -> None:
    wrong = await client.post("/api/auth/login", json={"email": ann.email, "password": "wrong horse"})
    unknown = await client.post(
        "/api/auth/login", json={"email": "nobody@example.com", "password": "wrong horse"}
    )
    assert problem(wrong, 401, "auth.wrong_credentials") == problem(unknown, 401, "auth.wrong_credentials")


async def test_guessing_a_password_is_slowed_down(client: httpx.AsyncClient, ann: Person) -> None:
    for _ in range(10):
        await client.post("/api/auth/login", json={"email": ann.email, "password": "guess guess"})
    refused = await client.post("/api/auth/login", json={"email": ann.email, "password": PASSWORD})
    problem(refused, 429, "auth.too_many_attempts")
    assert 0 < int(refused.headers["retry-after"]) <= 300


@pytest.mark.parametrize(
    ("credential", "code"),
    [
        ("Bearer nonsense", "auth.invalid_token"),
        ("Bearer pk_nonsense", "auth.invalid_api_key"),
        ("Basic YTpi", "auth.invalid_token"),
        ("Bearer ", "auth.invalid_token"),
    ],
)
async def test_a_wrong_credential_is_refused(client: httpx.AsyncClient, credential: str, code: str) -> None:
    refused = await client.get("/api/flows", headers={"authorization": credential})
    problem(refused, 401, code)
    assert refused.headers["www-authenticate"] == "Bearer"


async def test_no_credential_is_refused(client: httpx.AsyncClient) -> None:
    problem(await client.get("/api/flows"), 401, "auth.required")


async def test_a_token_signed_by_another_key_is_refused(client: httpx.AsyncClient, ann: Person) -> None:
    claims = jwt.decode(ann.http.headers["authorization"][7:], options={"verify_signature": False})
    for key, algorithm in ((get_settings().secret_keys[0].key, "HS256"), ("", "none")):
        forged = jwt.encode(claims, key, algorithm, headers={"kid": "new"})
        problem(await client.get("/api/auth/me", headers=bearer(forged)), 401, "auth.invalid_token")


async def test_an_access_token_is_over_after_a_while(client: httpx.AsyncClient, ann: Person) -> None:
    principals.forget()
    with held(datetime.now(UTC) + timedelta(minutes=16)):
        problem(await ann.http.get("/api/auth/me"), 401, "auth.token_expired")
        again = await client.post("/api/auth/refresh", json={"refresh_token": ann.refresh_token})
        fresh = await client.get("/api/auth/me", headers=bearer(again.json()["access_token"]))
        assert fresh.status_code == 200


async def test_a_refresh_token_used_twice_ends_the_sign_in(client: httpx.AsyncClient, ann: Person) -> None:
    first = await client.post("/api/auth/refresh", json={"refresh_token": ann.refresh_token})
    assert first.status_code == 200
    reused = await client.post("/api/auth/refresh", json={"refresh_token": ann.refresh_token})
    problem(reused, 401, "auth.refresh_reused")
    successor = await client.post("/api/auth/refresh", json={"refresh_token": first.json()["refresh_token"]})
    problem(successor, 401, "auth.invalid_refresh_token")
    problem(await ann.http.get("/api/auth/me"), 401, "auth.signed_out")


async def test_two_refreshes_at_once_give_one_new_token(client: httpx.AsyncClient, ann: Person) -> None:
    body = {"refresh_token": ann.refresh_token}
    answers = await asyncio.gather(*(client.post("/api/auth/refresh", json=body) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401]


async def test_logging_out_ends_tokens_and_refresh(client: httpx.AsyncClient, ann: Person) -> None:
    assert (await ann.http.post("/api/auth/logout")).status_code == 204
    problem(await ann.http.get("/api/auth/me"), 401, "auth.signed_out")
    body = {"refresh_token": ann.refresh_token}
    problem(await client.post("/api/auth/refresh", json=body), 401, "auth.invalid_refresh_token")


async def test_a_cookie_acts_for_its_own_site_alone(client: httpx.AsyncClient, ann: Person) -> None:
    body = {"email": ann.email, "password": PASSWORD, "cookie": True}
    problem(
        await client.post("/api/auth/login", json=body, headers={"sec-fetch-site": "cross-site"}),
        403,
        "auth.cross_site",
    )
    login = await client.post("/api/auth/login", json=body, headers=SAME_ORIGIN)
    shown = login.headers["set-cookie"].lower()
    assert "httponly" in shown
    assert "samesite=lax" in shown

    assert (await client.get("/api/auth/me")).json()["user"]["email"] == ann.email
    problem(
        await client.post("/api/api-keys", headers={"origin": "https://evil.example"}), 403, "auth.cross_site"
    )
    problem(await client.post("/api/api-keys"), 403, "auth.cross_site")
    own = await client.post("/api/api-keys", headers={"origin": "http://prometey.test"})
    assert own.status_code == 201

    cookie = client.cookies["prometey_session"]
    assert (await client.post("/api/auth/logout", headers=SAME_ORIGIN)).status_code == 204
    client.cookies.set("prometey_session", cookie)
    problem(await client.get("/api/auth/me"), 401, "auth.required")


async def test_a_one_time_code_becomes_a_cookie_once(client: httpx.AsyncClient, ann: Person) -> None:
    async with unit_of_work() as session:
        signed = await accounts.log_in(session, email=ann.email, password=PASSWORD)
        code = await accounts.issue_enter_code(session, signed.principal)
        late = await accounts.issue_enter_code(session, signed.principal)
    entered = await client.get("/api/auth/enter", params={"code": code, "next": "/flows?x=1"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/flows?x=1")
    assert (await client.get("/api/auth/me")).status_code == 200
    again = await client.get("/api/auth/enter", params={"code": code})
    assert again.headers["location"] == "/login"
    with held(now() + timedelta(seconds=61)):
        too_late = await client.get("/api/auth/enter", params={"code": late})
    assert too_late.headers["location"] == "/login"


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example"])
async def test_entering_never_leads_to_another_site(
    client: httpx.AsyncClient, ann: Person, target: str
) -> None:
    async with unit_of_work() as session:
        signed = await accounts.log_in(session, email=ann.email, password=PASSWORD)
        code = await accounts.issue_enter_code(session, signed.principal)
    entered = await client.get("/api/auth/enter", params={"code": code, "next": target})
    assert entered.headers["location"] == "/flows"


async def test_an_api_key_is_shown_once_and_can_be_revoked(client: httpx.AsyncClient, ann: Person) -> None:
    made = (await ann.http.post("/api/api-keys", json={"name": "terminal"})).json()
    assert made["key"].startswith("pk_")
    listed = await ann.http.get("/api/api-keys")
    assert [key["name"] for key in listed.json()] == ["terminal"]
    assert made["key"] not in listed.text

    use = bearer(made["key"])
    assert (await client.get("/api/flows", headers=use)).status_code == 200
    problem(await client.post("/api/api-keys", headers=use), 403, "auth.missing_scope")
    assert (await ann.http.delete(f"/api/api-keys/{made['id']}")).status_code == 204
    problem(await client.get("/api/flows", headers=use), 401, "auth.invalid_api_key")
    assert (await ann.http.get("/api/api-keys")).json() == []


async def test_an_api_key_may_do_what_its_scopes_say_until_it_is_over(
    client: httpx.AsyncClient, ann: Person
) -> None:
    expiry = (now() + timedelta(hours=1)).isoformat()
    body = {"name": "reader", "scopes": ["flows:read"], "expires_at": expiry}
    use = bearer((await ann.http.post("/api/api-keys", json=body)).json()["key"])
    assert (await client.get("/api/flows", headers=use)).status_code == 200
    problem(await client.post("/api/flows", json={}, headers=use), 403, "auth.missing_scope")
    principals.forget()
    with held(now() + timedelta(hours=2)):
        problem(await client.get("/api/flows", headers=use), 401, "auth.invalid_api_key")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"scopes": ["world:rule"]}, "auth.unknown_scope"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "api_key.expiry_unusable"),
        ({"expires_at": "2999-01-01T00:00:00"}, "api_key.expiry_unusable"),
        ({"name": 7}, "request.invalid"),
    ],
)
async def test_a_bad_api_key_request_is_refused(ann: Person, body: dict[str, object], code: str) -> None:
    problem(await ann.http.post("/api/api-keys", json=body), 422, code)
    assert (await ann.http.get("/api/api-keys")).json() == []


async def test_keys_of_another_workspace_are_not_there(ann: Person, bob: Person) -> None:
    key_id = (await ann.http.post("/api/api-keys")).json()["id"]
    problem(await bob.http.delete(f"/api/api-keys/{key_id}"), 404, "api_key.not_found")
    assert [key["id"] for key in (await ann.http.get("/api/api-keys")).json()] == [key_id]
    assert (await bob.http.get("/api/api-keys")).json() == []
