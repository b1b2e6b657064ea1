"""The documents runs pin, parsed, checked and compiled once a process."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jsonschema import Draft202012Validator

from app.flows import codec
from app.flows.check import Problem, check
from app.flows.document import Flow
from app.flows.plan import Plan, compile
from app.nodes.catalog import CATALOG

_LIMIT = 256
_CHAT, _CALL = "trigger.chat", "trigger.call"


@dataclass(frozen=True)
class Snapshot:
    """One document, identified by its semantic hash."""

    hash: str
    document: str
    flow: Flow

    @cached_property
    def problems(self) -> list[Problem]:
        return check(self.flow, CATALOG)

    @cached_property
    def errors(self) -> list[Problem]:
        """The problems that forbid running it."""
        return [problem for problem in self.problems if problem.severity == "error"]

    @cached_property
    def plan(self) -> Plan:
        """Only for a document without errors."""
        return compile(self.flow, CATALOG)

    @cached_property
    def inputs(self) -> Draft202012Validator:
        return Draft202012Validator(self.flow.inputs)

    def trigger(self, chat: bool) -> str | None:
        """The id of the node that starts. A call prefers `trigger.call`; a chat needs `trigger.chat`."""
        by_type: dict[str, str] = {}
        for node in self.flow.nodes:
            node_type = CATALOG.get(node.type)
            if node_type is not None and node_type.trigger:
                by_type.setdefault(node.type, node.id)
        if chat:
            return by_type.get(_CHAT)
        return by_type.get(_CALL) or next(iter(by_type.values()), None)

    def conversation_variables(self) -> frozenset[str]:
        """Names of the state that a conversation remembers."""
        return frozenset(
            name
            for name, declared in self.flow.state.items()
            if isinstance(declared, dict) and declared.get("scope") == "conversation"
        )

    def first_state(self, remembered: dict[str, Any]) -> dict[str, Any]:
        """The variables a run starts with."""
        state = {
            name: declared.get("default")
            for name, declared in self.flow.state.items()
            if isinstance(declared, dict) and "default" in declared
        }
        kept = self.conversation_variables()
        return state | {name: value for name, value in remembered.items() if name in kept}


def parse(document: str) -> Flow:
    """A stored document as it is, with the parts that are not in its hash."""
    return codec.load(document)


_known: OrderedDict[str, Snapshot] = OrderedDict()


def find(semantic_hash: str) -> Snapshot | None:
    """The snapshot, where this process has met it."""
    found = _known.get(semantic_hash)
    if found is not None:
        _known.move_to_end(semantic_hash)
    return found


def of(document: str, semantic_hash: str) -> Snapshot:
    """The snapshot of a stored canonical document."""
    return find(semantic_hash) or _remember(Snapshot(semantic_hash, document, codec.load(document)))


def of_flow(flow: Flow) -> Snapshot:
    """The snapshot of a document that is not stored."""
    semantic_hash = codec.semantic_hash(flow)
    return find(semantic_hash) or _remember(Snapshot(semantic_hash, codec.dump(flow), flow))


def _remember(snapshot: Snapshot) -> Snapshot:
    _known[snapshot.hash] = snapshot
    if len(_known) > _LIMIT:
        _known.popitem(last=False)
    return snapshot
