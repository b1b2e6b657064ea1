"""The catalogue of node types as JSON: all the editor knows of them, in one language."""

import copy
import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from app.flows.node_type import NodeType
from app.i18n import section
from app.nodes.catalog import CATALOG
from app.services.models import editor_models

Json = dict[str, Any]


class CatalogDocument(NamedTuple):
    """The bytes of the answer and the hash that names them (its ETag)."""

    body: bytes
    hash: str


@lru_cache(maxsize=8)
def catalog_document(locale: str) -> CatalogDocument:
    """Made once per language and process: node types and models do not change while it runs."""
    content = {
        "locale": locale,
        "categories": _categories(CATALOG, section(locale, "nodes").get("categories", {})),
        "nodes": [node_json(node, section(locale, "nodes").get(node.key, {})) for node in CATALOG],
        "models": [model.model_dump() for model in editor_models()],
        "strings": {**section(locale, "editor"), **section(locale, "structure")},
    }
    digest = hashlib.sha256(orjson.dumps(content)).hexdigest()[:32]
    return CatalogDocument(orjson.dumps({"hash": digest} | content), digest)


def _categories(types: Iterable[NodeType], titles: Mapping[str, str]) -> list[Json]:
    """Categories in the order their first type has in the catalogue."""
    return [{"id": each, "title": titles[each]} for each in dict.fromkeys(node.category for node in types)]


def node_json(node: NodeType, texts: Mapping[str, Any]) -> Json:
    """One node type. `texts` is its block of a locale: title, summary, sentence, params, ports."""
    ports = texts.get("ports", {})
    return {
        "key": node.key,
        "version": node.version,
        "category": node.category,
        "icon": node.icon,
        "effects": node.effects,
        "tool": node.tool,
        "trigger": node.trigger,
        "has_input": node.has_input,
        "passes_input": node.passes_input,
        "title": texts["title"],
        "summary": texts["summary"],
        "sentence": texts["sentence"],
        "params_schema": _params_schema(node, texts.get("params", {})),
        "output_schema": _inlined(node.output.model_json_schema()) if node.output else {},
        "ports": [{"id": port, "label": ports.get(port, port)} for port in node.ports],
        "port_list": None
        if node.port_list is None
        else {
            "param": node.port_list.param,
            "id_field": node.port_list.id_field,
            "label_field": node.port_list.label_field,
        },
        "container": None
        if node.container is None
        else {"port": node.container.port, "done": node.container.done},
        "defaults": dict(node.starts_with),
    }


def _params_schema(node: NodeType, texts: Mapping[str, Any]) -> Json:
    schema = _inlined(node.params.model_json_schema())
    _translate(schema, texts)
    return schema


def _translate(schema: Json, texts: Mapping[str, Any]) -> None:
    """Put titles, help and labels of choices into the properties, and into those of list items."""
    schema.pop("title", None)
    schema.pop("description", None)
    for name, part in schema.get("properties", {}).items():
        said = texts.get(name, {})
        part["title"] = said.get("title", name)
        part.pop("description", None)
        if "help" in said:
            part["description"] = said["help"]
        if "options" in said:
            part["x-labels"] = dict(said["options"])
        if isinstance(part.get("items"), dict) and "properties" in part["items"]:
            _translate(part["items"], said.get("fields", {}))


def _inlined(schema: Json) -> Json:
    """The schema without `$ref` (params models do not refer to themselves) and with `X or null` as nullable X."""
    definitions = schema.get("$defs", {})

    def walk(value: Any) -> Any:
        if isinstance(value, list):
            return [walk(item) for item in value]
        if not isinstance(value, dict):
            return value
        rest = {key: walk(each) for key, each in value.items() if key not in ("$ref", "$defs", "anyOf")}
        if "$ref" in value:
            return walk(copy.deepcopy(definitions[value["$ref"].rpartition("/")[2]])) | rest
        choices = [walk(each) for each in value.get("anyOf", ())]
        some = [each for each in choices if each != {"type": "null"}]
        if len(some) == 1 and len(choices) == 2:
            return some[0] | rest | {"nullable": True}
        return rest | ({"anyOf": choices} if choices else {})

    inlined: Json = walk(schema)
    return inlined
