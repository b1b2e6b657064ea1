"""Sentences by key, in the reader's language. Files of `locales/<locale>/` are one space of keys.

A file may nest (`{"ai.llm": {"title": …}}` is `ai.llm.title`); `section` gives one file as it stands.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

LOCALES: Final = ("en", "ru")
DEFAULT: Final = "en"
_FOLDER = Path(__file__).parent / "locales"


def t(key: str, /, locale: str = DEFAULT, **context: Any) -> str:
    """The sentence of `key` with `{names}` filled from `context`; the key itself where there is none.

    With `count` in the context, `key.one`, `key.few` or `key.many` is taken where the language has such a form.
    """
    return find(key, locale, **context) or key


def find(key: str, /, locale: str = DEFAULT, **context: Any) -> str | None:
    """Like `t`, None where no sentence has this key."""
    texts = messages(locale if locale in LOCALES else DEFAULT)
    count = context.get("count")
    template = texts.get(f"{key}.{_plural(count, locale)}") if isinstance(count, int) else None
    template = template or texts.get(key)
    return template.format_map(_Known(context, texts)) if template is not None else None


@cache
def messages(locale: str) -> Mapping[str, str]:
    """Every sentence of a language by its full key."""
    merged: dict[str, str] = {}
    for path in sorted((_FOLDER / locale).glob("*.json")):
        merged |= dict(_flat(section(locale, path.stem)))
    return MappingProxyType(merged)


@cache
def section(locale: str, name: str) -> Mapping[str, Any]:
    """The content of one file of a language; empty where it does not exist."""
    path = _FOLDER / locale / f"{name}.json"
    return MappingProxyType(json.loads(path.read_text(encoding="utf-8")) if path.exists() else {})


def negotiate(accept_language: str | None, preferred: str = "") -> str:
    """The language to answer in: the person's own choice, else the best of an `Accept-Language` header."""
    if preferred in LOCALES:
        return preferred
    wishes: list[tuple[float, int, str]] = []
    for place, part in enumerate((accept_language or "").split(",")[:20]):
        tag, _, options = part.partition(";")
        quality = re.fullmatch(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", options)
        base = tag.strip().lower().split("-")[0]
        if base in LOCALES:
            wishes.append((-float(quality[1]) if quality else -1.0, place, base))
    return min(wishes)[2] if wishes else DEFAULT


class _Known(dict[str, Any]):
    """A name without a value stays visible as `{name}`: a sentence is never lost to a missing value."""

    def __init__(self, context: Mapping[str, Any], texts: Mapping[str, str]) -> None:
        super().__init__({name: _named(value, texts) for name, value in context.items()})

    def __missing__(self, name: str) -> "_Unknown":
        return _Unknown(name)


class _Unknown(str):
    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return "{" + self + (f":{spec}" if spec else "") + "}"


class _Word(str):
    """In `{left:type}` and `{op:op}` the stable names of types and comparisons are read in the reader's language."""

    texts: Mapping[str, str]

    def __format__(self, spec: str) -> str:
        if spec == "type":
            return re.sub(
                r"\w+", lambda word: self.texts.get(f"value_type.{word[0]}", word[0]), self.replace("|", "or")
            )
        if spec == "op":
            return self.texts.get(f"op.{self}", str(self))
        return super().__format__(spec)


def _named(value: Any, texts: Mapping[str, str]) -> Any:
    if type(value) is not str:
        return value
    word = _Word(value)
    word.texts = texts
    return word


def _flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _plural(count: int, locale: str) -> str:
    """CLDR plural categories for whole numbers."""
    if locale != "ru":
        return "one" if count == 1 else "many"
    if count % 10 == 1 and count % 100 != 11:
        return "one"
    return "few" if count % 10 in (2, 3, 4) and count % 100 not in (12, 13, 14) else "many"
