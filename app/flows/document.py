"""The stored flow: the values of a `flow/1` file. Loading, dumping, migrations and hashes live beside it.

Values are frozen. Only explicitly set optional fields are written back, so `dump(load(text))` keeps a file small.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["agent", "rule", "sequence", "task"]
NODE_ID = r"^[a-z][a-z0-9_]{0,39}$"
NodeId = Annotated[str, Field(pattern=NODE_ID)]
Number = int | float
Extent = Annotated[Number, Field(gt=0, le=1_000_000)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Retry(_Value):
    max: Annotated[int, Field(ge=0, le=10)] = 0
    backoff_s: Annotated[Number, Field(ge=0, le=3600)] = 1
    jitter: bool = True


class Cache(_Value):
    ttl_s: Annotated[Number, Field(gt=0)]


class Policy(_Value):
    """How the interpreter treats a node. `default` is the output when `on_error` is `default`."""

    timeout_s: Annotated[Number, Field(gt=0, le=86_400)] | None = None
    retry: Retry = Retry()
    on_error: Literal["fail", "default", "port"] = "fail"
    default: Any = None
    cache: Cache | None = None
    mock: Any = None


class Node(_Value):
    id: NodeId
    type: Annotated[str, Field(min_length=1, max_length=80)]
    v: Annotated[int, Field(ge=1)] = 1
    title: Annotated[str, Field(max_length=120)] = ""
    note: Annotated[str, Field(max_length=2_000)] = ""
    enabled: bool = True
    params: dict[str, Any] = Field(default_factory=dict)
    policy: Policy = Policy()
    parent: NodeId | None = None


class Edge(_Value):
    id: Annotated[str, Field(min_length=1, max_length=60)]
    source: NodeId
    source_port: str = "out"
    target: NodeId
    target_port: str = "in"


class ConversationSettings(_Value):
    on_new_message: Literal["queue", "merge", "restart"] = "queue"
    debounce_s: Annotated[Number, Field(ge=0, le=600)] = 0


class Settings(_Value):
    timeout_s: Annotated[Number, Field(gt=0)] = 3600
    budget_usd: Annotated[Number, Field(gt=0)] | None = None
    conversation: ConversationSettings = ConversationSettings()


class CredentialSlot(_Value):
    slot: str
    kind: str


class Requires(_Value):
    credentials: tuple[CredentialSlot, ...] = ()
    knowledge: tuple[Any, ...] = ()
    kommo: dict[str, Any] = Field(default_factory=dict)


class Position(_Value):
    """Where a node stands. A container's frame may be wider and higher than its body asks for."""

    x: Number = 0
    y: Number = 0
    width: Extent | None = None
    height: Extent | None = None


class Note(_Value):
    id: str
    text: str = ""
    x: Number = 0
    y: Number = 0
    width: Number = 240
    height: Number = 120
    color: str = "amber"


class Group(_Value):
    id: str
    title: str = ""
    nodes: tuple[str, ...] = ()
    color: str = "sand"


class View(_Value):
    nodes: dict[str, Position] = Field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    groups: tuple[Group, ...] = ()


class Flow(_Value):
    """One flow. `inputs` is the JSON Schema of the trigger input; `state` maps a name to its declaration."""

    schema_: Annotated[Literal["flow/1"], Field(alias="schema")] = "flow/1"
    kind: Kind = "task"
    name: Annotated[str, Field(max_length=120)] = ""
    description: Annotated[str, Field(max_length=4_000)] = ""
    inputs: dict[str, Any] = Field(default_factory=dict)
    state: dict[str, Any] = Field(default_factory=dict)
    settings: Settings = Settings()
    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    requires: Requires = Requires()
    tests: tuple[dict[str, Any], ...] = ()
    view: View = View()

    def node(self, node_id: str) -> Node | None:
        return next((node for node in self.nodes if node.id == node_id), None)
