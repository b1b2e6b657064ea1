"""Random documents and operations of the flow language, valid and broken alike."""

from typing import Any

from hypothesis import strategies as st

from app.flows import codec
from app.flows.document import Flow

IDS = ("a", "b", "c", "d", "node_1", "x2")
TYPES = ("trigger.chat", "trigger.call", "ai.llm", "logic.if", "logic.set", "channel.send", "nobody.knows")
ids = st.sampled_from(IDS)
texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8
) | st.sampled_from(
    [
        "{{ nodes.a.text }}",
        "{{ nodes['b'].x }} и {{ nodes.a }}",
        "{{ input.message }}",
        "{% if %}",
        "{{ nodes.c",
    ]
)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
params = st.dictionaries(
    st.sampled_from(["text", "prompt", "cases", "assign", "output", "x"]), json_values, max_size=3
)
coordinates = st.integers(-5_000, 5_000) | st.floats(-5_000, 5_000)
extents = st.integers(1, 5_000)
positions = st.fixed_dictionaries(
    {"x": coordinates, "y": coordinates}, optional={"width": extents, "height": extents}
)
moves = st.fixed_dictionaries(
    {"x": coordinates, "y": coordinates},
    optional={"width": st.none() | extents, "height": st.none() | extents},
)
policies = st.fixed_dictionaries(
    {},
    optional={
        "timeout_s": st.integers(1, 900),
        "retry": st.fixed_dictionaries({"max": st.integers(0, 3)}),
        "on_error": st.sampled_from(["fail", "default", "port"]),
        "default": json_values,
        "mock": json_values,
    },
)


@st.composite
def nodes(draw: st.DrawFn, node_id: str | None = None) -> dict[str, Any]:
    return {
        "id": node_id or draw(ids),
        "type": draw(st.sampled_from(TYPES)),
        "v": draw(st.integers(1, 2)),
        "title": draw(texts),
        "enabled": draw(st.booleans()),
        "params": draw(params),
        "policy": draw(policies),
        "parent": draw(st.none() | ids),
    }


@st.composite
def edges(draw: st.DrawFn, edge_id: str) -> dict[str, Any]:
    return {
        "id": edge_id,
        "source": draw(ids),
        "source_port": draw(st.sampled_from(["out", "error", "yes", "else"])),
        "target": draw(ids),
        "target_port": draw(st.sampled_from(["in", "tools"])),
    }


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """Documents with unique ids, but with dangling edges, stray positions, unknown parents and cycles."""
    chosen = draw(st.lists(ids, unique=True, max_size=5))
    shown = st.lists(st.sampled_from(["v1", "v2", "v3"]), unique=True, max_size=2)
    return codec.parse(
        {
            "schema": "flow/1",
            "kind": draw(st.sampled_from(["agent", "rule", "sequence", "task"])),
            "name": draw(texts),
            "inputs": draw(st.just({}) | st.dictionaries(texts, json_values, max_size=2)),
            "state": draw(st.dictionaries(st.sampled_from(["s", "t"]), json_values, max_size=2)),
            "nodes": [draw(nodes(node_id)) for node_id in chosen],
            "edges": [draw(edges(f"e{index}")) for index in range(draw(st.integers(0, 5)))],
            "view": {
                "nodes": draw(st.dictionaries(ids, positions, max_size=4)),
                "notes": [{"id": each, "text": draw(texts)} for each in draw(shown)],
                "groups": [
                    {"id": each, "nodes": draw(st.lists(ids, unique=True, max_size=3))}
                    for each in draw(shown)
                ],
            },
        }
    )


_single = st.one_of(
    st.builds(
        lambda node, index: {"op": "node.add", "node": node, "index": index}, nodes(), st.integers(0, 6)
    ),
    st.builds(lambda node, at: {"op": "node.add", "node": node, "position": at}, nodes(), positions),
    st.builds(lambda i: {"op": "node.remove", "id": i}, ids),
    st.builds(lambda i, at: {"op": "node.move", "id": i, **at}, ids, moves),
    st.builds(lambda i: {"op": "node.move", "id": i, "unset": True}, ids),
    st.builds(
        lambda i, name, value: {"op": "node.set_param", "id": i, "name": name, "value": value},
        ids,
        st.sampled_from(["text", "x", "новое"]),
        json_values,
    ),
    st.builds(
        lambda i, name: {"op": "node.set_param", "id": i, "name": name, "unset": True},
        ids,
        st.sampled_from(["text", "x"]),
    ),
    st.builds(
        lambda i, value: {"op": "node.set_policy", "id": i, "name": "timeout_s", "value": value},
        ids,
        st.none() | st.integers(-1, 9),
    ),
    st.builds(
        lambda i, value: {"op": "node.set_policy", "id": i, "name": "default", "value": value},
        ids,
        json_values,
    ),
    st.builds(lambda i: {"op": "node.set_policy", "id": i, "name": "retry", "unset": True}, ids),
    st.builds(lambda i, text: {"op": "node.set_title", "id": i, "title": text}, ids, texts),
    st.builds(lambda i, text: {"op": "node.set_note", "id": i, "note": text}, ids, texts),
    st.builds(lambda i, on: {"op": "node.set_enabled", "id": i, "enabled": on}, ids, st.booleans()),
    st.builds(lambda i, new: {"op": "node.rename_id", "id": i, "new_id": new}, ids, ids | st.just("fresh")),
    st.builds(lambda i, parent: {"op": "node.reparent", "id": i, "parent": parent}, ids, st.none() | ids),
    st.builds(
        lambda edge, index: {"op": "edge.add", "edge": edge, "index": index}, edges("new"), st.integers(0, 6)
    ),
    st.builds(lambda i: {"op": "edge.remove", "id": f"e{i}"}, st.integers(0, 5)),
    st.builds(
        lambda name, value: {"op": "flow.set", "name": name, "value": value},
        st.sampled_from(["name", "inputs", "state", "description"]),
        texts | st.dictionaries(texts, json_values, max_size=2),
    ),
    st.builds(
        lambda i, text: {"op": "note.update", "id": i, "fields": {"text": text, "x": 5}},
        st.sampled_from(["v1", "v2"]),
        texts,
    ),
    st.builds(lambda i: {"op": "note.remove", "id": i}, st.sampled_from(["v1", "v2"])),
    st.builds(lambda i: {"op": "note.add", "note": {"id": i}, "index": 0}, st.sampled_from(["v1", "v4"])),
    st.builds(
        lambda i, members: {"op": "group.update", "id": i, "fields": {"nodes": members}},
        st.sampled_from(["v1", "v2"]),
        st.lists(ids, max_size=2),
    ),
    st.builds(lambda i: {"op": "group.remove", "id": i}, st.sampled_from(["v1", "v2"])),
    st.builds(lambda i: {"op": "group.add", "group": {"id": i, "title": "g"}}, st.sampled_from(["v1", "v4"])),
)
operations = st.recursive(
    _single,
    lambda inner: st.builds(lambda ops: {"op": "batch", "ops": ops}, st.lists(inner, max_size=4)),
    max_leaves=6,
)
