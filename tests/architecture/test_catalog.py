"""Every node type is listed, said in every language, and small enough to read at once."""

import importlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from app.flows.node_type import NodeType
from app.i18n import LOCALES, messages, section
from app.nodes.catalog import CATALOG, TYPES
from app.services.catalog import catalog_document, node_json

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    path for path in (ROOT / "app" / "nodes").glob("*.py") if path.stem not in ("__init__", "catalog")
)
CATEGORIES = {
    "trigger",
    "ai",
    "knowledge",
    "logic",
    "time",
    "human",
    "code",
    "crm",
    "channel",
    "output",
    "http",
}
NODES = pytest.mark.parametrize("node", TYPES, ids=lambda node: node.key)
EVERY_LOCALE = pytest.mark.parametrize("locale", LOCALES)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_of_nodes_is_in_the_catalogue_under_its_name(path: Path) -> None:
    node = importlib.import_module(f"app.nodes.{path.stem}").NODE
    assert isinstance(node, NodeType)
    assert path.stem == node.key.replace(".", "_")
    assert CATALOG.get(node.key) is node


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_node_is_read_at_once(path: Path) -> None:
    """Code alone, without docstring, blank lines and imports."""
    lines = path.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(("class ", "def ", "@")))
    assert len([line for line in lines[start:] if line.strip()]) <= 90, path.name


def test_the_catalogue_holds_what_was_promised() -> None:
    promised = {
        "trigger.chat", "trigger.call", "ai.llm", "ai.classify", "logic.if", "logic.set", "logic.stop",
        "logic.subflow", "http.request", "channel.send", "output.result",
    }  # fmt: skip
    assert promised <= {node.key for node in CATALOG}
    assert CATALOG.get("nobody.knows") is None


@NODES
def test_what_a_new_node_begins_with_is_valid_or_waits_for_a_choice(node: NodeType) -> None:
    try:
        node.params.model_validate(dict(node.starts_with))
    except ValidationError as error:
        places = [".".join(map(str, each["loc"])) for each in error.errors()]
        assert places == ["flow"], places


@NODES
def test_a_node_keeps_its_ports_apart(node: NodeType) -> None:
    ports = node.out_ports(node.starts_with)
    assert len(set(ports)) == len(ports)
    assert node.category in CATEGORIES
    assert "error" not in ports


def _missing(schema: Mapping[str, Any], texts: Mapping[str, Any], place: str) -> Iterator[str]:
    """Params and choices without words, and words without params."""
    properties = schema.get("properties", {})
    yield from (f"{place}.{name} has no param" for name in texts.keys() - properties.keys())
    for name, part in properties.items():
        said = texts.get(name, {})
        if not said.get("title"):
            yield f"{place}.{name} has no title"
        choices = {str(each) for each in part.get("enum", ())}
        if choices != set(said.get("options", {})):
            yield f"{place}.{name} options"
        items = part.get("items", {})
        if isinstance(items, dict) and "properties" in items:
            yield from _missing(items, said.get("fields", {}), f"{place}.{name}")


@NODES
@EVERY_LOCALE
def test_everything_of_a_node_is_said(node: NodeType, locale: str) -> None:
    texts = section(locale, "nodes")[node.key]
    assert all(texts[each].strip() for each in ("title", "summary", "sentence"))
    assert set(texts["ports"]) == set(node.ports)
    content = node_json(node, texts)
    assert list(_missing(content["params_schema"], texts["params"], node.key)) == []
    asked = {part.split("}")[0] for part in texts["sentence"].split("{")[1:]}
    assert asked <= content["params_schema"].get("properties", {}).keys()


@EVERY_LOCALE
def test_no_words_for_a_type_or_category_that_is_gone(locale: str) -> None:
    texts = section(locale, "nodes")
    assert texts.keys() - {"categories"} == {node.key for node in CATALOG}
    assert texts["categories"].keys() == {node.category for node in CATALOG}


@EVERY_LOCALE
def test_the_editor_gets_one_self_contained_document(locale: str) -> None:
    document = catalog_document(locale)
    content = json.loads(document.body)
    assert content["hash"] == document.hash
    assert [node["key"] for node in content["nodes"]] == [node.key for node in TYPES]
    assert b"$ref" not in document.body
    model = next(node for node in content["nodes"] if node["key"] == "ai.llm")["params_schema"]["properties"]
    limits = {"minimum": 0.0, "maximum": 2.0, "nullable": True, "type": "number"}
    assert limits.items() <= model["temperature"].items()
    assert content["models"][0]["id"] == "demo/assistant"
    assert catalog_document(locale).hash == document.hash


def test_the_languages_differ() -> None:
    assert catalog_document("en").hash != catalog_document("ru").hash


@NODES
def test_schemas_are_json(node: NodeType) -> None:
    assert TypeAdapter(node.params).json_schema()["type"] == "object"
    if node.output_schema:
        assert json.dumps(node.output_schema(node.starts_with, {}))


def test_every_error_a_node_or_integration_raises_has_words() -> None:
    folders = ("app/nodes", "app/integrations", "workers")
    sources = "\n".join(
        path.read_text(encoding="utf-8") for folder in folders for path in (ROOT / folder).rglob("*.py")
    )
    for code in (key.removeprefix("errors.") for key in section("en", "run_errors")):
        assert f'"{code}"' in sources, f"{code} is never raised"
    raised = {
        part.split('"')[0]
        for prefix in ("model.", "http.", "set.", "result.", "chat.")
        for part in _quoted(sources, prefix)
    }
    known = messages("en")
    assert sorted(code for code in raised if f"errors.{code}" not in known) == ["http.request"]


def _quoted(text: str, prefix: str) -> Iterator[str]:
    for piece in text.split(f'"{prefix}')[1:]:
        yield prefix + piece
