"""Filling a JSON Schema with what a text says: addresses, numbers, dates, classes, names."""

import re
from collections.abc import Mapping
from typing import Any, Final

from emulators.llm.words import sentences, stems

_FORMATS: Final = (
    (re.compile(r"e-?mail|почт", re.I), re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    (re.compile(r"phone|tel|телефон", re.I), re.compile(r"\+?\d[\d ()-]{6,}\d")),
    (re.compile(r"url|uri|link|site|ссылк|сайт", re.I), re.compile(r"https?://[^\s)>\"]+")),
    (re.compile(r"date|дата|day", re.I), re.compile(r"\b\d{4}-\d\d-\d\d\b|\b\d{1,2}\.\d{1,2}\.\d{2,4}\b")),
)  # fmt: skip
_NAME = re.compile(
    r"(?:my name is|name is|i am|i'm|this is|меня зовут|имя\s*[-—:]?)\s+([A-ZА-ЯЁ][\w-]+(?:\s+[A-ZА-ЯЁ][\w-]+)?)",
    re.I,
)
_SIGNED = re.compile(r"\b([A-ZА-ЯЁ][a-zа-яё]+ [A-ZА-ЯЁ][a-zа-яё]+)\b")
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")
_NO = re.compile(r"\b(?:not|no|never|n't|cannot|without|не|нет|никогда|без)\b", re.I)
_PLACE = re.compile(r"\b(?:in|at|to|from|в|во|из|для)\s+([A-ZА-ЯЁ][\w-]+)")
_WORD = re.compile(r"[^\W\d_]+")
_LISTED = re.compile(r"(?m)^\s*-\s*([\w-]+)\s*:\s*(.+)$")
_MODEL_SURE: Final = 0.9


def fill(schema: Mapping[str, Any], text: str, hints: str = "", name: str = "") -> Any:
    """A value of the schema from `text`. `hints` may describe choices, as lines `- choice: words`."""
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return _choice(list(schema["enum"]), text, hints)
    for word in ("anyOf", "oneOf", "allOf"):
        if schema.get(word):
            return fill(schema[word][0], text, hints, name)
    type_ = schema.get("type")
    kind = next((each for each in type_ if each != "null"), "null") if isinstance(type_, list) else type_
    label = f"{name} {schema.get('title', '')} {schema.get('description', '')} {schema.get('format', '')}"
    if kind == "object" or "properties" in schema:
        properties = schema.get("properties") or {}
        return {key: fill(part, text, hints, key) for key, part in properties.items()}
    if kind == "array":
        return _items(schema, text, hints, label)
    if kind in ("number", "integer"):
        return _number(schema, text, label)
    if kind == "boolean":
        return _truth(text, label)
    return None if kind == "null" else _string(schema, text, label)


def _choice(choices: list[Any], text: str, hints: str) -> Any:
    """The choice whose words (its own and those of its hint line) the text shares most; else a neutral last one."""
    described = dict(_LISTED.findall(hints))
    wanted = set(stems(text))
    lowered = text.casefold()

    def score(choice: Any) -> float:
        words = f"{choice} {described.get(str(choice), '')}".replace("_", " ")
        phrases = [part.strip().casefold() for part in re.split(r"[,.]", words)]
        exact = sum(
            phrase in lowered for phrase in phrases if len(phrase) > 2 or (phrase and not phrase.isalnum())
        )
        return len(wanted & set(stems(words))) + 0.5 * exact

    top = max(choices, key=score)
    none = [each for each in choices if each in ("no_match", "other", "none", "unknown", "neutral", None)]
    return top if score(top) > 0 or not none else none[0]


def _items(schema: Mapping[str, Any], text: str, hints: str, label: str) -> list[Any]:
    part = schema.get("items") or {"type": "string"}
    least = int(schema.get("minItems", 0))
    if part.get("enum"):
        lowered = text.casefold()
        found = [each for each in part["enum"] if str(each).casefold() in lowered]
        return found or [_choice(list(part["enum"]), text, hints)][: max(least, 0)]
    if part.get("type") == "object":
        return [fill(part, text, hints)]
    if part.get("type") in ("number", "integer"):
        return [_cast(each, part) for each in _NUMBER.findall(text)]
    for wanted, pattern in _FORMATS:
        if wanted.search(label):
            return pattern.findall(text)
    pieces = sentences(text)
    return (pieces or [text] * least)[: int(schema.get("maxItems", 5))]


def _cast(digits: str, schema: Mapping[str, Any]) -> int | float:
    number = float(digits.replace(",", "."))
    return int(number) if schema.get("type") == "integer" or number.is_integer() else number


def _number(schema: Mapping[str, Any], text: str, label: str) -> int | float:
    """The number that stands nearest to the label's words, within the schema's bounds."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if "confidence" in label:
        return _MODEL_SURE
    places = [match.start() for match in _WORD.finditer(text) if set(stems(match[0])) & set(stems(label))]
    numbers = list(_NUMBER.finditer(text))
    nearest = min(
        numbers,
        key=lambda match: min((_distance(place, match.start()) for place in places), default=match.start()),
        default=None,
    )
    number = _cast(nearest[0], schema) if nearest else 0
    number = max(number, low) if low is not None else number
    return min(number, high) if high is not None else number


def _distance(word: int, number: int) -> int:
    """How far a number is from a word; numbers usually follow what they count."""
    return number - word if number > word else 3 * (word - number)


def _truth(text: str, label: str) -> bool:
    """Whether the text speaks of the label's words and does not deny them."""
    wanted = set(stems(label.replace("_", " ")))
    return any(wanted & set(stems(each)) and not _NO.search(each) for each in sentences(text))


def _string(schema: Mapping[str, Any], text: str, label: str) -> str:
    longest = int(schema.get("maxLength", 2_000))
    for wanted, pattern in _FORMATS:
        if wanted.search(label):
            found = pattern.search(text)
            return found[0][:longest] if found else ""
    key = label.split(" ", 1)[0].replace("_", " ")
    labelled = re.search(rf"(?im)^\s*{re.escape(key)}\s*[:=—-]\s*(.+)$", text) if key else None
    if labelled:
        return labelled[1].strip()[:longest]
    if re.search(r"name|имя", label, re.I):
        found = _NAME.search(text) or next(reversed(list(_SIGNED.finditer(text))), None)
        return found[1][:longest] if found else ""
    if re.search(r"city|place|location|country|город|место|страна", label, re.I) and _PLACE.search(text):
        return str(_PLACE.findall(text)[0])[:longest]
    wanted_words = set(stems(label.replace("_", " ")))
    pieces = sentences(text) or [text]
    return max(pieces, key=lambda each: len(wanted_words & set(stems(each))))[:longest]
