"""What steps of a simulated run would have done, as rows of a page."""

from dataclasses import dataclass
from typing import Any

from app.i18n import t
from app.state.values import written


@dataclass
class EffectRow:
    """`kind` picks the icon, `what` is the deed in words, `body` what would have been sent; `until` is ISO 8601."""

    kind: str
    step: str
    what: str
    body: str
    until: str


def effect_row(effect: dict[str, Any], step: str, locale: str) -> EffectRow:
    kind = str(effect.get("kind", ""))
    what, body, until = written(effect), "", ""
    match kind:
        case "http.request":
            what = f"{effect.get('method', '')} {effect.get('url', '')}"
            body = written(effect["body"]) if effect.get("body") else ""
        case "message":
            what, body = t("effect.message", locale), str(effect.get("text", ""))
        case "wait":
            what, until = t("effect.wait", locale), str(effect.get("until", ""))
        case "opt_out":
            what = t("effect.opt_out", locale)
    return EffectRow(kind, step, what, body, until)
