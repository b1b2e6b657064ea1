"""Every language says the same things, everything the code says exists, and nothing is translated in vain."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LOCALES = ROOT / "app" / "i18n" / "locales"
FILES = sorted(path.name for path in (LOCALES / "en").glob("*.json"))
# Checked against the catalogue of node types, not against literals in the code.
FROM_CATALOGUE = {"nodes.json"}
# Keys are built from a stable code (`errors.<code>`, `problem.<code>`, …): the code itself stands in the source.
BUILT = ("errors", "problem", "cli")


def flat(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in content.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def sentences(locale: str, file: str) -> dict[str, str]:
    return dict(flat(json.loads((LOCALES / locale / file).read_text(encoding="utf-8"))))


@cache
def source() -> str:
    """All code that may speak, as one text."""
    folders = [ROOT / name for name in ("app", "workers", "emulators")]
    paths = [
        path for folder in folders for path in folder.rglob("*") if path.suffix in {".py", ".ts", ".tsx"}
    ]
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


@cache
def built() -> list[re.Pattern[str]]:
    """Keys built in place: `status.${run.status}` or f"kind.{kind}" speaks every key of that form."""
    found = re.findall(r"`([a-z_.]+\.[a-z_]*)\$\{[^{}`]+\}([a-z_.]*)`", source())
    found += re.findall(r'f"([a-z_.]+\.[a-z_]*)\{[^{}"]+\}([a-z_.]*)"', source())
    return [re.compile(re.escape(head) + r"\w+" + re.escape(tail)) for head, tail in found]


def base(key: str) -> str:
    """The key without its plural form: languages have different ones."""
    return re.sub(r"\.(one|few|many)$", "", key)


def placeholders(sentence: str) -> set[str]:
    return set(re.findall(r"\{(\w+)", sentence))


def test_the_languages_have_the_same_files() -> None:
    assert sorted(path.name for path in (LOCALES / "ru").glob("*.json")) == FILES


@pytest.mark.parametrize("file", FILES)
def test_the_languages_have_the_same_keys(file: str) -> None:
    assert {base(key) for key in sentences("en", file)} == {base(key) for key in sentences("ru", file)}


@pytest.mark.parametrize("file", FILES)
def test_the_languages_name_the_same_values(file: str) -> None:
    english, russian = (
        {base(key): placeholders(text) for key, text in sentences(locale, file).items()}
        for locale in ("en", "ru")
    )
    assert english == russian


@pytest.mark.parametrize("file", FILES)
def test_no_sentence_is_empty_or_left_in_english(file: str) -> None:
    russian = sentences("ru", file)
    assert [key for key, text in russian.items() if not text.strip()] == []
    untranslated = [
        key
        for key, text in russian.items()
        if text == sentences("en", file).get(key)
        and len(text.split()) > 3
        and not re.search(r"[А-Яа-я]", text)
    ]
    assert untranslated == []


def test_no_key_is_in_two_files() -> None:
    owner: dict[str, str] = {}
    for file in FILES:
        for key in sentences("en", file):
            assert owner.setdefault(key, file) == file, f"{key} is in {owner[key]} and in {file}"


@pytest.mark.parametrize("file", [name for name in FILES if name not in FROM_CATALOGUE])
def test_no_sentence_is_orphaned(file: str) -> None:
    orphans = []
    for key in map(base, sentences("en", file)):
        first, _, rest = key.partition(".")
        wanted = [key, rest] if first in BUILT else [key]
        named = any(f'"{name}"' in source() or f"'{name}'" in source() for name in wanted)
        if not named and not any(pattern.fullmatch(key) for pattern in built()):
            orphans.append(key)
    assert orphans == []


def test_every_key_the_code_names_exists() -> None:
    known = {base(key) for file in FILES for key in sentences("en", file)}
    called = set(re.findall(r"\b(?:t|say|sentence)\(\s*[\"']([a-z_]+(?:\.[a-z_0-9]+)+)[\"']", source()))
    assert sorted(called - known) == []
