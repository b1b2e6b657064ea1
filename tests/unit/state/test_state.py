"""What page states decide without a server: where one goes next, in which language, and what a form means."""

from typing import Any

import pytest
from reflex.istate.data import RouterData

from app.state.access import AccessState
from app.state.inbox_rows import filled, form_fields
from app.state.session import SessionState, cookie_locale


def state_at(state: type[Any], url: str = "/", cookie: str = "", accept: str = "") -> Any:
    """A state without a browser. `_reflex_internal_init` is Reflex's own word for it."""
    made = state(_reflex_internal_init=True)
    headers = {"cookie": cookie, "accept-language": accept, "origin": "http://x"}
    made.router = RouterData.from_router_data({"headers": headers, "asPath": url, "pathname": url})
    return made


@pytest.mark.parametrize(
    ("wanted", "leads_to"),
    [
        ("/settings", "/settings"),
        ("/flows/0197", "/flows/0197"),
        ("", "/flows"),
        ("//evil.example", "/flows"),
        ("/\\evil.example", "/flows"),
        ("https://evil.example", "/flows"),
        ("javascript:alert(1)", "/flows"),
        ("/api/auth/leave", "/flows"),
    ],
)
def test_signing_in_leads_to_our_own_pages_only(wanted: str, leads_to: str) -> None:
    assert AccessState._next(state_at(AccessState, f"/login?next={wanted}")) == leads_to


def test_the_chosen_language_counts_more_than_the_browsers() -> None:
    assert cookie_locale("a=b; prometey_locale=ru; c=d") == "ru"
    assert cookie_locale("prometey_locale=xx") == ""
    for cookie, accept, expected in [
        ("prometey_locale=ru", "en-US", "ru"),
        ("", "ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("", "de", "en"),
    ]:
        state = state_at(SessionState, cookie=cookie, accept=accept)
        SessionState._speak(state, None)
        assert state.locale == expected


FORM = {
    "type": "object",
    "properties": {
        "sum": {"type": "number", "title": "Sum", "default": 10},
        "why": {"enum": ["late", 7], "title": "Reason"},
        "vip": {"type": "boolean"},
        "until": {"type": "string", "format": "date"},
        "text": {"type": "string", "maxLength": 2000, "description": "In a few words"},
    },
    "required": ["sum"],
}


def test_a_form_is_shown_field_by_field() -> None:
    shown = form_fields(FORM, "ask", {"ask.vip": "Say yes or no."})
    assert [(each.name, each.kind) for each in shown] == [
        ("sum", "number"),
        ("why", "choice"),
        ("vip", "boolean"),
        ("until", "date"),
        ("text", "long"),
    ]
    assert (shown[0].required, shown[0].value, shown[1].options) == (True, "10", ["late", "7"])
    assert (shown[2].problem, shown[4].help) == ("Say yes or no.", "In a few words")
    assert form_fields({"type": "string"}, "ask", {}) == []


def test_what_is_filled_in_has_the_types_of_the_form() -> None:
    assert filled(FORM, {}) == {"sum": 10}
    texts = {"sum": "42,5", "why": "7", "vip": "false", "until": "2026-12-01", "text": " "}
    assert filled(FORM, texts) == {"sum": 42.5, "why": 7, "vip": False, "until": "2026-12-01"}
    assert filled(FORM, {"sum": "", "nobody": "x"}) == {}
