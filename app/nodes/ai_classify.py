"""Sort a text into classes, by rules or by a model; leave by the class's own port, or by `no_match`.

Rules: the first class that has a phrase in the text wins. A phrase begins at the start of a word; one of four
letters or more may carry an ending of up to three ("refund" finds "refunded", "возврат" finds "возврата").
"""

import re
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from app.capabilities import ModelRequest, NodeContext
from app.flows.node_type import (
    ErrorKind,
    Next,
    NodeError,
    NodeType,
    Output,
    Params,
    PortList,
    Template,
)

NO_MATCH = "no_match"


class Class(Params):
    """One class. Without `any_of` the rules look for its name."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    name: Annotated[str, Field(max_length=120)] = ""
    description: Annotated[str, Field(max_length=2_000, json_schema_extra={"widget": "textarea"})] = ""
    any_of: Annotated[tuple[str, ...], Field(json_schema_extra={"widget": "tags"})] = ()


class ClassifyParams(Params):
    text: Annotated[Template, Field(json_schema_extra={"widget": "textarea"})]
    method: Literal["rules", "model"] = "rules"
    model: Annotated[
        str, Field(max_length=200, json_schema_extra={"widget": "model", "x-when": {"method": "model"}})
    ] = "demo/assistant"
    classes: Annotated[tuple[Class, ...], Field(min_length=1, max_length=50)]
    min_confidence: Annotated[float, Field(ge=0, le=1, json_schema_extra={"x-when": {"method": "model"}})] = 0

    @model_validator(mode="after")
    def _ids_are_unique(self) -> "ClassifyParams":
        ids = [each.id for each in self.classes]
        if len(set(ids)) != len(ids) or NO_MATCH in ids:
            raise ValueError("class ids must differ from each other and from no_match")
        return self


class ClassifyOutput(Output):
    """`class_id` is `no_match` where none was found or the model was less sure than `min_confidence`."""

    class_id: str
    confidence: float


@lru_cache(maxsize=4_096)
def _pattern(phrase: str) -> re.Pattern[str]:
    folded = phrase.casefold().strip()
    ending = r"\w{0,3}(?!\w)" if len(folded) > 3 else r"(?!\w)"
    start = r"(?<!\w)" if folded[:1].isalnum() else ""
    return re.compile(start + re.escape(folded) + (ending if folded[-1:].isalnum() else ""))


def _by_rules(params: ClassifyParams) -> tuple[str, float]:
    text = params.text.casefold()
    for each in params.classes:
        phrases = each.any_of or (each.name or each.id,)
        if any(phrase.strip() and _pattern(phrase).search(text) for phrase in phrases):
            return each.id, 1.0
    return NO_MATCH, 0.0


def _request(params: ClassifyParams) -> ModelRequest:
    lines = [
        f"- {each.id}: {'. '.join(filter(None, (each.name, each.description, ', '.join(each.any_of))))}"
        for each in params.classes
    ]
    system = (
        "Sort the user's text into exactly one of these classes and say how sure you are, from 0 to 1. "
        f"Choose {NO_MATCH} when none fits.\n" + "\n".join(lines)
    )
    ids = [*(each.id for each in params.classes), NO_MATCH]
    schema = {
        "type": "object",
        "properties": {"class_id": {"enum": ids, "type": "string"}, "confidence": {"type": "number"}},
        "required": ["class_id", "confidence"],
        "additionalProperties": False,
    }
    messages = [{"role": "system", "content": system}, {"role": "user", "content": params.text}]
    return ModelRequest(params.model, messages, temperature=0, output_schema=schema, stream=False)


async def run(params: ClassifyParams, ctx: NodeContext) -> Next:
    if params.method == "rules":
        class_id, confidence = _by_rules(params)
        return Next(class_id, {"class_id": class_id, "confidence": confidence})
    if not params.text.strip():
        raise NodeError(ErrorKind.INVALID_INPUT, "model.empty_prompt", param="text")
    answer = await ctx.llm.complete(_request(params))
    chosen: dict[str, Any] = answer.json
    confidence = min(1.0, max(0.0, float(chosen["confidence"])))
    class_id = chosen["class_id"] if confidence >= params.min_confidence else NO_MATCH
    usage = {
        "model": answer.model,
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "cost_usd": answer.cost_usd,
    }
    return Next(class_id, {"class_id": class_id, "confidence": confidence}, usage=usage)


NODE = NodeType(
    key="ai.classify",
    version=1,
    category="ai",
    icon="split",
    effects="read",
    params=ClassifyParams,
    output=ClassifyOutput,
    ports=(NO_MATCH,),
    run=run,
    port_list=PortList("classes"),
    effects_of=lambda params: "read" if params.get("method") == "model" else "none",
    starts_with={
        "text": "{{ input.message }}",
        "method": "rules",
        "classes": [{"id": "question", "name": "Question", "any_of": ["?", "how", "what"]}],
    },
)
