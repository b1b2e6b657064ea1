"""What the API tells about node types and models."""

import httpx

from tests.integration.api.conftest import Person, problem


async def test_the_catalogue_comes_in_the_readers_language(ann: Person) -> None:
    asked = await ann.http.get("/api/catalog", params={"locale": "ru"})
    wished = await ann.http.get("/api/catalog", headers={"accept-language": "ru-RU,ru;q=0.9"})
    assert asked.status_code == 200
    assert asked.json() == wished.json()
    titles = {node["key"]: node["title"] for node in asked.json()["nodes"]}
    assert titles["ai.llm"] == "Спросить модель"
    english = (await ann.http.get("/api/catalog", params={"locale": "nobody"})).json()
    assert {node["key"]: node["title"] for node in english["nodes"]}["ai.llm"] == "Ask a model"


async def test_an_unchanged_catalogue_is_not_sent_twice(ann: Person) -> None:
    first = await ann.http.get("/api/catalog")
    again = await ann.http.get("/api/catalog", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = await ann.http.get("/api/catalog", headers={"if-none-match": '"old"'})
    assert other.status_code == 200


async def test_models_with_price_and_filters(ann: Person) -> None:
    listed = (await ann.http.get("/api/models", params={"provider": "openai", "search": "4o-mini"})).json()
    mini = next(model for model in listed["models"] if model["id"] == "gpt-4o-mini")
    assert (mini["input_cost"], mini["context"]) == (0.15, 128_000)
    first = (await ann.http.get("/api/models", params={"limit": 1})).json()
    assert [model["id"] for model in first["models"]] == ["demo/assistant"]
    assert first["total"] > 1000
    problem(await ann.http.get("/api/models", params={"limit": 0}), 422, "request.invalid")


async def test_both_are_for_people_who_are_signed_in(client: httpx.AsyncClient) -> None:
    for path in ("/api/catalog", "/api/models"):
        problem(await client.get(path), 401, "auth.required")


async def test_templates_are_listed_and_opened(ann: Person) -> None:
    listed = (await ann.http.get("/api/flow-templates", headers={"accept-language": "ru"})).json()
    assert {each["kind"] for each in listed} == {"agent", "task", "rule", "sequence"}
    first = (await ann.http.get(f"/api/flow-templates/{listed[0]['id']}")).json()
    assert (first["schema"], first["name"]) == ("flow/1", "Answer questions")
    problem(await ann.http.get("/api/flow-templates/none"), 404, "flow_template.not_found")
