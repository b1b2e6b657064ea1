"""The workspace's budget by the API."""

import re
from dataclasses import replace

import pytest

from app.auth import principals
from app.auth.permissions import of_role
from app.core.db import unit_of_work
from app.core.principal import Principal
from app.errors import AppError
from app.schemas.workspace_budget import Limits
from app.services import workspace_budget
from tests.integration.api.conftest import Person, problem

URL = "/api/workspace/budget"


async def test_an_owner_sets_and_reads_it(ann: Person, bob: Person) -> None:
    first = (await ann.http.get(URL)).json()
    assert re.fullmatch(r"\d{4}-\d\d", first["month"])
    assert first["limits"] == {"usd": None, "calls": None, "tokens": None}
    assert first["spent"] == {"usd": 0.0, "calls": 0, "tokens": 0}
    done = await ann.http.put(URL, json={"usd": 12.5, "calls": 1000})
    assert (done.status_code, done.json()["limits"]) == (200, {"usd": 12.5, "calls": 1000, "tokens": None})
    assert (await bob.http.get(URL)).json()["limits"]["usd"] is None, "it is the workspace's own"
    assert (await ann.http.put(URL, json={})).json()["limits"]["usd"] is None


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"usd": -1}, "body.usd"),
        ({"calls": 1.5}, "body.calls"),
        ({"eur": 5}, "body.eur"),
        ({"usd": "NaN"}, "body.usd"),
    ],
)
async def test_a_bad_limit_is_located_and_changes_nothing(ann: Person, body: object, path: str) -> None:
    await ann.http.put(URL, json={"usd": 3})
    refused = problem(await ann.http.put(URL, json=body), 422, "request.invalid")
    assert path in str(refused)
    assert (await ann.http.get(URL)).json()["limits"]["usd"] == 3


async def test_nobody_else_may(ann: Person, client: object) -> None:
    assert (await client.get(URL)).status_code == 401  # type: ignore[attr-defined]


async def test_an_editor_is_told_whose_it_is(ann: Person) -> None:
    from_token = await _principal(ann)
    editor = replace(from_token, role="editor", scopes=of_role("editor"))
    async with unit_of_work() as session:
        for call in (
            workspace_budget.get(session, editor),
            workspace_budget.put(session, editor, Limits(usd=1)),
        ):
            with pytest.raises(AppError) as refused:
                await call
            assert (refused.value.status, refused.value.error_code) == (403, "workspace.owners_only")


async def _principal(person: Person) -> Principal:
    async with unit_of_work() as session:
        return await principals.from_bearer(
            session, person.http.headers["authorization"].removeprefix("Bearer ")
        )
