"""Start with a chat message: from the test panel, a widget, the API or a channel."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from app.capabilities import NodeContext
from app.flows.node_type import ErrorKind, Next, NodeError, NodeType, Output, Params


class ChatParams(Params):
    greeting: Annotated[str, Field(max_length=2_000, json_schema_extra={"widget": "textarea"})] = ""


class ChatOutput(Output):
    """What every chat brings. `contact` is empty and `session_id` "" where the channel knows neither."""

    message: str
    session_id: str = ""
    contact: dict[str, Any] = Field(default_factory=dict)
    attachments: list[Any] = Field(default_factory=list)


def output_schema(_params: Mapping[str, Any], inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The four fields of a message and whatever else the flow's inputs declare."""
    own = ChatOutput.model_json_schema()
    declared = inputs.get("properties")
    properties = (declared if isinstance(declared, Mapping) else {}) | own["properties"]
    return {"type": "object", "properties": properties, "required": list(own["properties"])}


async def run(_params: ChatParams, ctx: NodeContext) -> Next:
    given = ctx.input if isinstance(ctx.input, Mapping) else {"message": ctx.input}
    if not isinstance(given.get("message"), str):
        raise NodeError(ErrorKind.INVALID_INPUT, "chat.no_message", path="message")
    known = {name: value for name, value in given.items() if value is not None}
    return Next("out", {"session_id": "", "contact": {}, "attachments": []} | known)


NODE = NodeType(
    key="trigger.chat",
    version=1,
    category="trigger",
    icon="message-circle",
    effects="none",
    params=ChatParams,
    output=ChatOutput,
    ports=("out",),
    run=run,
    trigger=True,
    has_input=False,
    output_schema=output_schema,
)
