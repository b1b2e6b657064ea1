"""Ask a question in the conversation and wait for an answer of the expected kind."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import Field, model_validator

from app.capabilities import NodeContext
from app.flows.check.shapes import obj
from app.flows.deadlines import Seconds, due_in
from app.flows.node_type import Known, Next, NodeType, Output, Params, Suspend, Template

_NUMBER = re.compile(r"^[+-]?\d{1,15}([.,]\d{1,10})?$")
_PHONE = re.compile(r"^\+?\d{7,15}$")


class AskParams(Params):
    """After `retries` answers of another kind the step leaves by `invalid`."""

    question: Annotated[Template, Field(min_length=1, json_schema_extra={"widget": "textarea"})]
    expects: Literal["text", "number", "email", "phone", "date", "choice"] = "text"
    choices: Annotated[tuple[Template, ...], Field(max_length=20)] = ()
    retries: Annotated[int, Field(ge=0, le=10)] = 1
    deadline_s: Seconds = None

    @model_validator(mode="after")
    def _choices_to_choose_from(self) -> "AskParams":
        if self.expects == "choice" and not self.choices:
            raise ValueError("a choice needs choices")
        return self


class AskOutput(Output):
    """A number is a number, a date ISO 8601, a choice one of the choices as written; null after the deadline."""

    answer: Any


def infer(params: Mapping[str, Any], _known: Known) -> Mapping[str, Any]:
    """As said where it could not be understood, so a number may be a text too."""
    return obj(
        {"answer": {"type": [*(["number"] if params.get("expects") == "number" else []), "string", "null"]}}
    )


async def run(params: AskParams, ctx: NodeContext) -> Suspend:
    return await _ask(params, ctx, due_in(ctx.now, params.deadline_s))


async def resume(params: AskParams, ctx: NodeContext) -> Next | Suspend:
    if ctx.signal.get("kind") == "due":
        return Next("timeout", {"answer": None})
    said = _text(ctx.signal.get("value"))
    answer = understood(params.expects, params.choices, said)
    if answer is not None:
        return Next("answered", {"answer": answer})
    if int(ctx.wait.get("round", 1)) > params.retries:
        return Next("invalid", {"answer": said})
    return await _ask(params, ctx, {"due_at": ctx.wait["due_at"]} if "due_at" in ctx.wait else {})


async def _ask(params: AskParams, ctx: NodeContext, deadline: Mapping[str, Any]) -> Suspend:
    buttons = [{"text": choice} for choice in params.choices] if params.expects == "choice" else []
    message = await ctx.channel.send(params.question, buttons)
    asked = {"question": params.question, "expects": params.expects, "choices": list(params.choices)}
    wait: Any = {"kind": "ask", "listens": ["reply"], "data": asked, **deadline}
    return Suspend(wait, messages=(message,))


def _text(value: Any) -> str:
    return str(value.get("message", "")) if isinstance(value, Mapping) else str(value or "")


def understood(expects: str, choices: tuple[str, ...], said: str) -> Any:
    """The answer as a value of the expected kind; None where it is of another."""
    text = said.strip()
    if expects == "number":
        bare = text.replace("\u00a0", "").replace(" ", "")
        if not _NUMBER.match(bare):
            return None
        number = float(bare.replace(",", "."))
        return int(number) if number.is_integer() and "." not in bare and "," not in bare else number
    if expects == "email":
        try:
            return validate_email(text, check_deliverability=False).normalized
        except EmailNotValidError:
            return None
    if expects == "phone":
        bare = re.sub(r"[\s().-]", "", text)
        return bare if _PHONE.match(bare) else None
    if expects == "date":
        return _date(text)
    if expects == "choice":
        numbered = int(text) - 1 if text.isdecimal() and len(text) < 4 else -1
        wanted = text.casefold()
        by_name = next((choice for choice in choices if choice.strip().casefold() == wanted), None)
        return by_name or (choices[numbered] if 0 <= numbered < len(choices) else None)
    return text or None


def _date(text: str) -> str | None:
    """ISO 8601, or day first with dots or slashes, as most of the world writes it."""
    day_first = re.match(r"^(\d{1,2})[./](\d{1,2})[./](\d{4})$", text)
    try:
        if day_first:
            day, month, year = (int(each) for each in day_first.groups())
            return date(year, month, day).isoformat()
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


NODE = NodeType(
    key="channel.ask",
    version=1,
    category="channel",
    icon="message-circle-question",
    effects="idempotent",
    params=AskParams,
    output=AskOutput,
    ports=("answered", "invalid", "timeout"),
    run=run,
    resume=resume,
    infer=infer,
    starts_with={"question": "{{ input }}", "expects": "text", "deadline_s": 86_400},
)
