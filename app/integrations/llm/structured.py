"""JSON answers: asking for a schema, reading the answer, telling the model what was wrong with it."""

import json
import re
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

_FENCE = re.compile(r"^```[a-zA-Z]*\s*|\s*```$")


class BadAnswer(Exception):
    """The answer is not JSON or does not fit; the message says where, in words for the model."""


def response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": False}}


def instruction(schema: Mapping[str, Any]) -> dict[str, str]:
    """For models whose provider knows no response format."""
    wanted = json.dumps(schema, ensure_ascii=False)
    return {
        "role": "system",
        "content": f"Answer with JSON only, no other text, of this JSON Schema: {wanted}",
    }


def read(text: str, schema: Mapping[str, Any]) -> Any:
    """The value of the answer. Raises `BadAnswer`."""
    try:
        value = json.loads(_FENCE.sub("", text.strip()))
    except ValueError as error:
        raise BadAnswer(f"The answer is not JSON: {error}") from None
    fault = best_match(Draft202012Validator(schema).iter_errors(value))
    if fault is not None:
        place = "/".join(map(str, fault.absolute_path)) or "the top"
        raise BadAnswer(f"At {place}: {fault.message[:300]}")
    return value


def correction(text: str, fault: BadAnswer) -> list[dict[str, str]]:
    """What is said after a bad answer."""
    asked = f"{fault}. Answer again with the corrected JSON only."
    return [{"role": "assistant", "content": text or "…"}, {"role": "user", "content": asked}]
