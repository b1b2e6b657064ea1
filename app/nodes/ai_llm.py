"""One model call: text, or JSON of a given schema (checked, and repaired once)."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from jsonschema import Draft202012Validator, SchemaError
from pydantic import Field, field_validator

from app.capabilities import ModelRequest, NodeContext
from app.flows.check.shapes import resolved
from app.flows.node_type import (
    ErrorKind,
    Next,
    NodeError,
    NodeType,
    Output,
    Params,
    Rendered,
    Template,
    Usage,
)


class ChatMessage(Params):
    role: Literal["system", "user", "assistant"] = "user"
    content: str


class LlmParams(Params):
    """Either `prompt` or `messages`; with both, the prompt is the last message."""

    model: Annotated[str, Field(min_length=1, max_length=200, json_schema_extra={"widget": "model"})]
    system: Annotated[Template, Field(max_length=64_000, json_schema_extra={"widget": "textarea"})] = ""
    prompt: Annotated[Template, Field(json_schema_extra={"widget": "textarea"})] = ""
    messages: Annotated[
        tuple[ChatMessage, ...],
        Rendered("value"),
        Field(json_schema_extra={"x-template": "value", "x-advanced": True}),
    ] = ()
    fallbacks: Annotated[
        tuple[str, ...], Field(max_length=5, json_schema_extra={"widget": "models", "x-advanced": True})
    ] = ()
    temperature: Annotated[float | None, Field(ge=0, le=2, json_schema_extra={"x-advanced": True})] = None
    max_tokens: Annotated[int | None, Field(ge=1, le=1_000_000, json_schema_extra={"x-advanced": True})] = (
        None
    )
    output_schema: Annotated[
        dict[str, Any] | None, Field(json_schema_extra={"widget": "schema", "x-advanced": True})
    ] = None

    @field_validator("output_schema")
    @classmethod
    def _is_a_schema(cls, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            Draft202012Validator.check_schema(schema or {})
        except SchemaError as error:
            raise ValueError(f"is not a JSON Schema: {error.message[:200]}") from None
        return schema


class LlmOutput(Output):
    """`json` is null unless the node has an output schema."""

    text: str
    json_: Any = Field(None, alias="json")
    model: str
    usage: Usage


def output_schema(params: Mapping[str, Any], _inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The output with `json` described by the node's own schema."""
    schema = LlmOutput.model_json_schema()
    asked = params.get("output_schema")
    schema["properties"]["json"] = resolved(asked) if isinstance(asked, Mapping) else {"type": "null"}
    return schema


def check(params: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    if params.get("prompt") or params.get("messages"):
        return []
    return [("params.missing", "prompt", {"param": "prompt"})]


def _messages(params: LlmParams) -> list[dict[str, str]]:
    """System first, then the given messages, then the prompt."""
    listed = [{"role": "system", "content": params.system}] if params.system.strip() else []
    listed += [{"role": message.role, "content": message.content} for message in params.messages]
    if params.prompt.strip():
        listed.append({"role": "user", "content": params.prompt})
    if not any(message["role"] == "user" for message in listed):
        raise NodeError(ErrorKind.INVALID_INPUT, "model.empty_prompt", param="prompt")
    return listed


async def run(params: LlmParams, ctx: NodeContext) -> Next:
    request = ModelRequest(
        model=params.model,
        messages=_messages(params),
        fallbacks=params.fallbacks,
        temperature=params.temperature,
        max_tokens=params.max_tokens,
        output_schema=params.output_schema,
    )
    answer = await ctx.llm.complete(request)
    usage = {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "cost_usd": answer.cost_usd,
    }
    output = {"text": answer.text, "json": answer.json, "model": answer.model, "usage": usage}
    return Next("out", output, usage={"model": answer.model} | usage)


NODE = NodeType(
    key="ai.llm",
    version=1,
    category="ai",
    icon="sparkles",
    effects="read",
    params=LlmParams,
    output=LlmOutput,
    ports=("out",),
    run=run,
    tool=True,
    output_schema=output_schema,
    check=check,
    starts_with={"model": "demo/assistant", "system": "", "prompt": "{{ input.message }}"},
)
