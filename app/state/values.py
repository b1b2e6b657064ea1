"""JSON values as people read and write them on a page."""

import json
from typing import Any, Final

from app.i18n import t

_LONGEST_SHOWN: Final = 20_000
_PREVIEW: Final = 2_000


def read_value(text: str) -> Any:
    """JSON where the text is JSON, else the text itself; None for nothing."""
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def misread(text: str, before: str, locale: str) -> str:
    """Why an edited value cannot be taken, or "". What was an object or a list has to stay JSON."""
    if not text.strip() or not isinstance(read_value(before), dict | list):
        return ""
    try:
        json.loads(text)
    except json.JSONDecodeError as fault:
        return t("ui.run.not_json", locale, line=fault.lineno, column=fault.colno)
    return ""


def preview(value: Any, locale: str) -> tuple[str, str]:
    """A value to look at and "". Of a very long one the beginning, and how long it is in the reader's words."""
    if value is None:
        return "", ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    if len(text) <= _LONGEST_SHOWN:
        return text, ""
    if not isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
    return text[:_PREVIEW] + "…", size(len(text.encode()), locale)


def size(count: int, locale: str) -> str:
    """A number of bytes as people say it."""
    if count < 1_000_000:
        return t("run.size.kb", locale, count=round(count / 1_000))
    return t("run.size.mb", locale, count=f"{count / 1_000_000:.1f}")


def written(value: Any) -> str:
    """A value to look at: a text as it is, anything else as indented JSON; the beginning of a very long one."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
