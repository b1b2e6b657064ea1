"""Every node type of the product: one explicit tuple. Nothing registers itself on import."""

from collections.abc import Iterator
from types import MappingProxyType

from app.flows.node_type import NodeType
from app.nodes import (
    ai_classify,
    ai_llm,
    channel_ask,
    channel_send,
    http_request,
    human_approval,
    human_takeover,
    human_task,
    logic_if,
    logic_join,
    logic_loop,
    logic_map,
    logic_rules,
    logic_set,
    logic_split_test,
    logic_stop,
    logic_subflow,
    output_result,
    sequence_step,
    time_wait,
    time_wait_event,
    trigger_call,
    trigger_chat,
    trigger_schedule,
    trigger_webhook,
)

TYPES: tuple[NodeType, ...] = (
    trigger_chat.NODE,
    trigger_call.NODE,
    trigger_webhook.NODE,
    trigger_schedule.NODE,
    ai_llm.NODE,
    ai_classify.NODE,
    logic_if.NODE,
    logic_rules.NODE,
    logic_split_test.NODE,
    logic_join.NODE,
    logic_map.NODE,
    logic_loop.NODE,
    logic_set.NODE,
    logic_subflow.NODE,
    logic_stop.NODE,
    time_wait.NODE,
    time_wait_event.NODE,
    human_approval.NODE,
    human_task.NODE,
    human_takeover.NODE,
    http_request.NODE,
    channel_send.NODE,
    channel_ask.NODE,
    sequence_step.NODE,
    output_result.NODE,
)


class NodeCatalog:
    """Node types by key, in palette order. Frozen: the tuple it was made from is all it ever holds."""

    __slots__ = ("_by_key",)

    def __init__(self, types: tuple[NodeType, ...]) -> None:
        self._by_key = MappingProxyType({each.key: each for each in types})
        if len(self._by_key) != len(types):
            raise ValueError("two node types share a key")

    def get(self, key: str) -> NodeType | None:
        return self._by_key.get(key)

    def __iter__(self) -> Iterator[NodeType]:
        return iter(self._by_key.values())


CATALOG = NodeCatalog(TYPES)
