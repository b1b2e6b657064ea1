"""How the command line speaks: sentences in the language of the terminal, on two streams."""

import os
import sys
from typing import Any, NoReturn

from app.errors import AppError
from app.i18n import DEFAULT, LOCALES, t


def locale() -> str:
    """The terminal's language, English where the product does not speak it."""
    wanted = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or DEFAULT
    return wanted[:2].lower() if wanted[:2].lower() in LOCALES else DEFAULT


def sentence(key: str, /, **context: Any) -> str:
    return t(key, locale(), **{name: _text(value) for name, value in context.items()})


def say(key: str, /, **context: Any) -> None:
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
