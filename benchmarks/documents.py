"""The flows that are measured."""

from itertools import pairwise
from typing import Any

Document = dict[str, Any]


def node(node_id: str, node_type: str, **params: Any) -> dict[str, Any]:
    return {"id": node_id, "type": node_type, "params": params}


def document(kind: str, nodes: list[dict[str, Any]], edges: list[tuple[str, str, str]]) -> Document:
    """A `flow/1` document. An edge is source, its port, target."""
    drawn = [
        {"id": f"e{number}", "source": source, "source_port": port, "target": target}
        for number, (source, port, target) in enumerate(edges)
    ]
    return {"schema": "flow/1", "kind": kind, "name": "Benchmark", "nodes": nodes, "edges": drawn}


def chain(kind: str, *nodes: dict[str, Any]) -> Document:
    edges = [(before["id"], "out", after["id"]) for before, after in pairwise(nodes)]
    return document(kind, list(nodes), edges)


def chat(model: str) -> Document:
    """A message, one model call, a reply."""
    return chain(
        "agent",
        node("message", "trigger.chat"),
        node("answer", "ai.llm", model=model, prompt="{{ input.message }}"),
        node("reply", "channel.send", text="{{ input.text }}"),
    )


def set_chain(length: int) -> Document:
    """`length` steps that each render a template."""
    steps = [
        node(f"s{number}", "logic.set", output={"n": number, "text": "Hello {{ trigger.name }}"})
        for number in range(length)
    ]
    return chain("task", node("call", "trigger.call"), *steps)


def branch_and_join() -> Document:
    """Four parallel steps that come together again."""
    nodes = [node("call", "trigger.call"), *(node(f"b{n}", "logic.set", output={"n": n}) for n in range(4))]
    nodes.append(node("join", "output.result", value="{{ input.b3.n }}"))
    edges = [("call", "out", f"b{n}") for n in range(4)] + [(f"b{n}", "out", "join") for n in range(4)]
    return document("task", nodes, edges)


def map_of_sets() -> Document:
    """One template step for each item of the input."""
    body = {**node("set", "logic.set", output={"n": "{{ item }}"}), "parent": "each"}
    nodes = [node("call", "trigger.call"), node("each", "logic.map", items="{{ input.items }}"), body]
    nodes.append(node("done", "output.result", value="{{ nodes.each.results | size }}"))
    return document(
        "task", nodes, [("call", "out", "each"), ("each", "item", "set"), ("each", "done", "done")]
    )


def waiting() -> Document:
    """Wait for as many seconds as the input says."""
    return chain(
        "task",
        node("call", "trigger.call"),
        node("pause", "time.wait", for_s="{{ trigger.seconds }}"),
        node("done", "output.result", value="{{ trigger.name }}"),
    )
