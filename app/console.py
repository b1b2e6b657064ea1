"""How the command line speaks: sentences from the locales, in the language of the terminal, on two streams."""

import json
import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from app.errors import AppError

_LOCALES = Path(__file__).parent / "i18n" / "locales"


@lru_cache(maxsize=1)
def _sentences() -> dict[str, str]:
    wanted = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or "en"
    locale = wanted[:2].lower()
    folder = _LOCALES / (locale if (_LOCALES / locale).is_dir() else "en")
    found: dict[str, str] = json.loads((folder / "cli.json").read_text(encoding="utf-8"))
    return found


def sentence(key: str, **context: Any) -> str:
    return _sentences().get(key, key).format_map({name: _text(value) for name, value in context.items()})


def say(key: str, **context: Any) -> None:
    """Progress, on standard error: standard output is for results."""
    sys.stderr.write(sentence(key, **context) + "\n")
    sys.stderr.flush()


def fail(error: AppError) -> NoReturn:
    """End the process with the error's sentence and exit code 2."""
    sys.stderr.write(sentence(f"errors.{error.error_code}", **error.context) + "\n")
    sys.exit(2)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name} {reason}" for name, reason in value.items())
    return str(value)
