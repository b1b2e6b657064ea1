"""Giving a node another id: everything that names it follows, and nothing else changes."""

import re
from typing import Any

from app.flows.document import Flow
from app.flows.templates import TemplateError, compile_value, is_template


def renamed(flow: Flow, old: str, new: str) -> Flow:
    """The flow with node `old` called `new` in edges, the view, parents, groups and templates."""
    nodes = tuple(
        node.model_copy(
            update={
                "id": new if node.id == old else node.id,
                "parent": new if node.parent == old else node.parent,
                "params": rewritten(node.params, old, new),
            }
        )
        for node in flow.nodes
    )
    edges = tuple(
        edge.model_copy(
            update={
                "source": new if edge.source == old else edge.source,
                "target": new if edge.target == old else edge.target,
            }
        )
        if old in (edge.source, edge.target)
        else edge
        for edge in flow.edges
    )
    stray = {
        name: place for name, place in flow.view.nodes.items() if name != new or old not in flow.view.nodes
    }
    view = flow.view.model_copy(
        update={
            "nodes": {new if name == old else name: place for name, place in stray.items()},
            "groups": tuple(
                group.model_copy(
                    update={"nodes": tuple(new if each == old else each for each in group.nodes)}
                )
                for group in flow.view.groups
            ),
        }
    )
    return flow.model_copy(update={"nodes": nodes, "edges": edges, "view": view})


def rewritten(value: Any, old: str, new: str) -> Any:
    """A param value whose templates read `nodes.<new>` where they read `nodes.<old>`."""
    if isinstance(value, str):
        return _text(value, old, new) if old in value and is_template(value) else value
    if isinstance(value, dict):
        return {name: rewritten(item, old, new) for name, item in value.items()}
    if isinstance(value, list):
        return [rewritten(item, old, new) for item in value]
    return value


def _text(source: str, old: str, new: str) -> str:
    """Only true references; a template that cannot be parsed keeps its words until somebody mends it."""
    try:
        references = compile_value(source).references
    except TemplateError:
        return source
    name = re.compile(r"(nodes\s*(?:\.\s*|\[\s*['\"]\s*))" + re.escape(old) + r"(?![\w\-])")
    for reference in sorted(references, key=lambda each: -each.start):
        if reference.path[:2] == ("nodes", old):
            match = name.match(source, reference.start)
            if match:
                source = source[: match.end(1)] + new + source[match.end() :]
    return source
