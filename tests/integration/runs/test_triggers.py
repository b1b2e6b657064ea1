"""Flows that start with an HTTP request or by the clock, and the credentials they use."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from aiohttp import web
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text

from app.api.main import create_api
from app.core import vault
from app.core.clock import now
from app.core.db import unit_of_work
from app.core.principal import Principal
from app.core.settings import get_settings
from app.embedded.data_dir import free_port
from app.schemas.credentials import CredentialBody
from app.schemas.flows import PublishBody
from app.services import credentials, flow_runs, flow_versions, flows, schedules
from tests.integration.runs.conftest import Workers, chain, node, store, until
from tests.integration.runs.test_waits import CALL, ended, start


@pytest_asyncio.fixture
async def client(environment: dict[str, str]) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(transport=ASGITransport(create_api()), base_url="http://test") as made:
        yield made


def hook(**params: Any) -> dict[str, Any]:
    done = node("done", "output.result", value="{{ nodes.say.greeting }}")
    say = node(
        "say", "logic.set", output={"greeting": "Hi {{ input.body.name }}", "from": "{{ input.query.from }}"}
    )
    return chain(node("hook", "trigger.webhook", path="leads/new", **params), say, done, kind="rule")


async def keep(principal: Principal, name: str, kind: str, **values: str) -> None:
    async with unit_of_work() as session:
        body = CredentialBody(name=name, kind=kind, values=values)  # type: ignore[arg-type]
        await credentials.save(session, principal, body)


class TestWebhook:
    async def test_it_answers_as_it_is_told(
        self, principal: Principal, workers: Workers, client: AsyncClient
    ) -> None:
        workers.start()
        answers = {}
        for reply in ("ack", "last", "result"):
            flow_id = await store(principal, hook(reply=reply), publish=True)
            answers[reply] = await client.post(
                f"/api/hooks/{flow_id}/leads/new?from=ad", json={"name": "Ann"}
            )
        assert answers["ack"].status_code == 202
        assert (await ended(principal, UUID(answers["ack"].json()["run_id"]))).output == "Hi Ann"
        assert answers["last"].json() == "Hi Ann"
        assert answers["result"].json() == "Hi Ann"

    async def test_a_repeat_with_the_same_key_is_the_same_run(
        self, principal: Principal, workers: Workers, client: AsyncClient
    ) -> None:
        workers.start()
        flow_id = await store(principal, hook(), publish=True)
        sent = [
            client.post(
                f"/api/hooks/{flow_id}/leads/new?from=ad",
                json={"name": "Ann"},
                headers={"Idempotency-Key": "lead-7"},
            )
            for _ in range(5)
        ]
        runs = {answer.json()["run_id"] for answer in await asyncio.gather(*sent)}
        assert len(runs) == 1
        await ended(principal, UUID(runs.pop()))
        async with unit_of_work() as session:
            assert len(await flow_runs.latest(session, principal, flow_id)) == 1

    async def test_a_bearer_token_and_a_signature_are_verified(
        self, principal: Principal, client: AsyncClient
    ) -> None:
        await keep(principal, "shop", "bearer", token="s3cret-token")
        await keep(principal, "bank", "hmac", secret="s3cret-key")
        by_token = await store(principal, hook(auth={"kind": "bearer", "credential": "shop"}))
        signed = await store(principal, hook(auth={"kind": "hmac", "credential": "bank"}))
        body = json.dumps({"name": "Ann"}).encode()
        signature = hmac.new(b"s3cret-key", body, hashlib.sha256).hexdigest()

        async def status(flow_id: UUID, **headers: str) -> int:
            answer = await client.post(f"/api/hooks/{flow_id}/leads/new", content=body, headers=headers)
            return answer.status_code

        assert await status(by_token) == 401
        assert await status(by_token, Authorization="Bearer wrong") == 401
        assert await status(by_token, Authorization="Bearer s3cret-token") == 202
        assert await status(signed) == 401
        assert await status(signed, **{"X-Signature": "sha256=" + "0" * 64}) == 401
        assert await status(signed, **{"X-Signature": f"sha256={signature}"}) == 202
        async with unit_of_work() as session:
            (run,) = await flow_runs.latest(session, principal, by_token)
        assert "s3cret" not in json.dumps(run.input)

    async def test_what_nobody_listens_to_is_not_found(
        self, principal: Principal, client: AsyncClient
    ) -> None:
        flow_id = await store(principal, hook())
        assert (await client.post(f"/api/hooks/{flow_id}/other")).status_code == 404
        assert (await client.get(f"/api/hooks/{flow_id}/leads/new")).status_code == 404
        unknown = await client.post("/api/hooks/00000000-0000-0000-0000-000000000000/leads/new")
        assert unknown.json()["code"] == "webhook.not_found"

    async def test_a_failed_run_is_a_bad_gateway(
        self, principal: Principal, workers: Workers, client: AsyncClient
    ) -> None:
        workers.start()
        flow_id = await store(principal, hook(reply="result"))
        answer = await client.post(f"/api/hooks/{flow_id}/leads/new", json={"nothing": 1})
        assert answer.status_code == 502
        assert answer.json()["error"]["node"] == "say"


def clock(**params: Any) -> dict[str, Any]:
    trigger = node("tick", "trigger.schedule", **{"cron": "0 9 * * 1", **params})
    return chain(trigger, node("done", "output.result", value="{{ input.due_at }}"), kind="rule")


async def publish(principal: Principal, document: dict[str, Any]) -> UUID:
    flow_id = await store(principal, document)
    async with unit_of_work() as session:
        await flow_versions.publish(session, principal, flow_id, PublishBody(), "en")
    return flow_id


async def set_back(flow_id: UUID, by: timedelta) -> None:
    """As if the next moment had passed so long ago."""
    async with unit_of_work() as session:
        moment = (now() - by).replace(microsecond=0)
        sql = text("UPDATE flow_schedule SET next_at = :moment WHERE flow_id = :id")
        await session.execute(sql, {"moment": moment, "id": flow_id})


async def runs_of(principal: Principal, flow_id: UUID) -> int:
    async with unit_of_work() as session:
        return len(await flow_runs.latest(session, principal, flow_id))


class TestSchedule:
    async def test_a_moment_fires_once_however_many_look(
        self, principal: Principal, workers: Workers
    ) -> None:
        flow_id = await publish(principal, clock(cron="0 0 1 1 *"))
        await set_back(flow_id, timedelta(seconds=30))

        async def look() -> int:
            async with unit_of_work() as session:
                return await schedules.fire(session)

        await asyncio.gather(*[look() for _ in range(8)])
        workers.start()
        workers.start()

        async def fired() -> bool:
            return await runs_of(principal, flow_id) >= 1

        await until(fired)
        await asyncio.sleep(1.5)
        assert await runs_of(principal, flow_id) == 1
        async with unit_of_work() as session:
            (run,) = await flow_runs.latest(session, principal, flow_id)
        assert (await ended(principal, run.id)).output == run.input["due_at"]

    @pytest.mark.parametrize(("catch_up", "runs"), [("none", 0), ("one", 1), ("all", 3)])
    async def test_missed_moments(self, principal: Principal, catch_up: str, runs: int) -> None:
        flow_id = await publish(principal, clock(cron="0 * * * *", catch_up=catch_up))
        async with unit_of_work() as session:
            moment = (now() - timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
            at = now() if (now() - now().replace(minute=0, second=0)).total_seconds() > 90 else None
            sql = text("UPDATE flow_schedule SET next_at = :moment WHERE flow_id = :id")
            await session.execute(sql, {"moment": moment, "id": flow_id})
        if at is None:
            pytest.skip("the hour has just begun: its own moment is no missed one")
        async with unit_of_work() as session:
            await schedules.fire(session)
        assert await runs_of(principal, flow_id) == runs

    async def test_a_flow_that_is_put_away_starts_no_more(self, principal: Principal) -> None:
        flow_id = await publish(principal, clock(cron="* * * * *"))
        async with unit_of_work() as session:
            await flows.delete(session, principal, flow_id)
        async with unit_of_work() as session:
            count = await session.scalar(
                text("SELECT count(*) FROM flow_schedule WHERE flow_id = :id"), {"id": flow_id}
            )
        assert count == 0

    async def test_a_schedule_that_cannot_be_read_is_found_before_it_is_published(
        self, principal: Principal
    ) -> None:
        for params in ({"cron": "61 * * * *"}, {"timezone": "Moon/Sea"}):
            flow_id = await store(principal, clock(**params))
            async with unit_of_work() as session:
                with pytest.raises(flow_versions.HasProblems):
                    await flow_versions.publish(session, principal, flow_id, PublishBody(), "en")


class TestCredentials:
    async def test_a_call_uses_the_credential_of_its_slot(
        self, principal: Principal, workers: Workers
    ) -> None:
        shown: list[str] = []

        async def answer(request: web.Request) -> web.Response:
            shown.append(request.headers.get("Authorization", ""))
            return web.json_response({})

        app = web.Application()
        app.router.add_get("/me", answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        port = free_port()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        workers.environment["HTTP_ALLOWED_HOSTS"] = "127.0.0.1"
        workers.start()
        call = node("get", "http.request", url=f"http://127.0.0.1:{port}/me", credential="shop")
        flow = chain(CALL, call, node("done", "output.result", value="{{ input.status }}"))
        flow["requires"] = {"credentials": [{"slot": "shop", "kind": "http"}]}
        missing: Any = await ended(principal, await start(principal, flow))
        assert missing.error["code"] == "http.credential_unbound"
        await keep(principal, "shop", "bearer", token="abc-token")
        assert (await ended(principal, await start(principal, flow))).output == 200
        await runner.cleanup()
        assert shown == ["Bearer abc-token"]

    async def test_a_secret_is_sealed_and_keys_rotate(
        self, principal: Principal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await keep(principal, "shop", "bearer", token="canary-secret")
        old = get_settings().secret_keys[0]

        async def stored() -> str:
            async with unit_of_work() as session:
                sql = text("SELECT sealed FROM credential WHERE workspace_id = :id")
                return str(await session.scalar(sql, {"id": principal.workspace_id}))

        assert "canary" not in await stored()
        monkeypatch.setenv("SECRET_KEYS", f"new:{'n' * 40},{old.kid}:{old.key}")
        get_settings.cache_clear()
        async with unit_of_work() as session:
            found = await credentials.opened(session, principal.workspace_id, "shop")
        assert found == ("bearer", {"token": "canary-secret"})
        assert (await stored()).startswith("new:")
        monkeypatch.setenv("SECRET_KEYS", f"other:{'o' * 40}")
        get_settings.cache_clear()
        with pytest.raises(vault.Unopenable):
            vault.unseal(await stored())
