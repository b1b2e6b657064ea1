"""Flows that browser tests bring along, and the API as the signed-in person of a page."""

import json
from typing import Any

from playwright.sync_api import Page


def flow(name: str, *nodes: dict[str, Any], edges: str, kind: str = "task") -> dict[str, Any]:
    drawn = []
    for number, arrow in enumerate(edges.split()):
        start, _, target = arrow.partition(">")
        source, _, port = start.partition(".")
        drawn.append({"id": f"e{number}", "source": source, "source_port": port or "out", "target": target})
    return {"schema": "flow/1", "kind": kind, "name": name, "nodes": list(nodes), "edges": drawn}


def node(node_id: str, node_type: str, **params: Any) -> dict[str, Any]:
    return {"id": node_id, "type": node_type, "params": params}


CALL = node("call", "trigger.call")


def api(page: Page, path: str, body: Any = None) -> Any:
    """A call as this page's signed-in person."""
    method = "GET" if body is None else "POST"
    answer = page.evaluate(
        """async ([path, method, body]) => {
            const answer = await fetch(path, {method, headers: {"content-type": "application/json"}, body});
            return {status: answer.status, body: await answer.json().catch(() => null)};
        }""",
        [path, method, None if body is None else json.dumps(body)],
    )
    assert answer["status"] < 300, answer
    return answer["body"]


def start(page: Page, document: dict[str, Any], given: Any = None, **options: Any) -> str:
    page.goto("/flows")
    flow_id = api(page, "/api/flows/import", document)["id"]
    run = api(page, f"/api/flows/{flow_id}/runs", {"input": given or {}, "wait": True, **options})
    return str(run["id"])
