"""Reply in the conversation's channel. A message the channel refuses leaves by `failed`."""

from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field

from app.capabilities import NodeContext
from app.flows.node_type import Next, NodeError, NodeType, Output, Params, Rendered, Template


class Button(Params):
    """One quick answer under the message. A plain string is its text."""

    text: Annotated[str, Field(min_length=1, max_length=80, validation_alias=AliasChoices("text", "title"))]
    value: str = ""
    url: str = ""


def _button(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


class SendParams(Params):
    """With `draft` nothing is sent: the text is prepared for a person to look at."""

    text: Annotated[Template, Field(json_schema_extra={"widget": "textarea"})]
    to: Annotated[Template | None, Field(json_schema_extra={"x-advanced": True})] = None
    buttons: Annotated[
        tuple[Annotated[Button, BeforeValidator(_button)], ...],
        Rendered("value"),
        Field(max_length=20, json_schema_extra={"x-template": "value", "x-advanced": True}),
    ] = ()
    draft: Annotated[bool, Field(json_schema_extra={"x-advanced": True})] = False


class SendOutput(Output):
    """`message_id` is null where nothing was sent; `reason` is the error's code on the `failed` port."""

    message_id: str | None
    text: str
    reason: str | None = None


async def run(params: SendParams, ctx: NodeContext) -> Next:
    if params.draft:
        return Next("out", {"message_id": None, "text": params.text})
    buttons = [
        {name: value for name, value in button.model_dump().items() if value} for button in params.buttons
    ]
    try:
        message = await ctx.channel.send(params.text, buttons, params.to)
    except NodeError as error:
        if error.kind.retryable:
            raise
        return Next("failed", {"message_id": None, "text": params.text, "reason": error.code})
    return Next("out", {"message_id": message["id"], "text": message["text"]}, messages=(message,))


NODE = NodeType(
    key="channel.send",
    version=1,
    category="channel",
    icon="send",
    effects="idempotent",
    params=SendParams,
    output=SendOutput,
    ports=("out", "failed"),
    run=run,
    tool=True,
    transactional=True,
    starts_with={"text": "{{ input.text }}"},
)
