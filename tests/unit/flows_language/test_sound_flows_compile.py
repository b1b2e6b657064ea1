"""A flow without an error can be compiled: what the checker passes, the interpreter takes."""

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.flows import codec
from app.flows.check import check
from app.flows.document import Flow
from app.flows.plan import compile
from app.nodes.catalog import CATALOG

TEXTS = (
    "hi",
    "{{ trigger.message }}",
    "{{ nodes.n0.text | default: 'x' }}",
    "{{ nodes.n1.text }}",
    "{{ state.s }} {{ run.id }}",
    "{% for x in trigger.attachments %}{{ x }}{% endfor %}",
)
OUTPUTS = {"logic.if": ("yes", "else"), "channel.send": ("out", "failed"), "logic.set": ("out",)}


@st.composite
def drawings(draw: st.DrawFn) -> Flow:
    """Graphs of known node types, drawn forwards, with every policy; some have problems."""
    nodes: list[dict[str, Any]] = [{"id": "t", "type": "trigger.chat"}]
    edges: list[dict[str, Any]] = []
    for index in range(draw(st.integers(1, 6))):
        kind, text = draw(st.sampled_from(sorted(OUTPUTS))), draw(st.sampled_from(TEXTS))
        case = {"id": "yes", "when": {"left": text, "op": "contains", "right": "a"}}
        params = {
            "logic.if": {"cases": [case]},
            "channel.send": {"text": text},
            "logic.set": {"assign": {"state.s": text}, "output": {"text": text}},
        }[kind]
        policy = draw(
            st.sampled_from([{}, {"on_error": "port"}, {"on_error": "default", "default": 1}, {"mock": {}}])
        )
        node_id = f"n{index}"
        for source in draw(
            st.lists(st.sampled_from(nodes), min_size=1, max_size=2, unique_by=lambda n: n["id"])
        ):
            port = draw(st.sampled_from((*OUTPUTS.get(source["type"], ("out",)), "error")))
            edges.append(
                {"id": f"e{len(edges)}", "source": source["id"], "source_port": port, "target": node_id}
            )
        enabled = draw(st.booleans())
        nodes.append({"id": node_id, "type": kind, "params": params, "policy": policy, "enabled": enabled})
    return codec.parse(
        {"schema": "flow/1", "kind": "agent", "state": {"s": {"default": ""}}, "nodes": nodes, "edges": edges}
    )


@settings(max_examples=300, deadline=None)
@given(drawings())
def test_a_flow_without_an_error_compiles(flow: Flow) -> None:
    assume(all(problem.severity != "error" for problem in check(flow, CATALOG)))
    plan = compile(flow, CATALOG)
    assert plan is not None
