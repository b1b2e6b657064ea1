"""What page states decide without a server: where one goes next, in which language, and how long ago it was."""

from datetime import timedelta
from typing import Any

import pytest
from reflex.istate.data import RouterData

from app.core.clock import now
from app.state.access import AccessState
from app.state.flow_list import ago
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


def test_how_long_ago_is_said_in_the_largest_unit() -> None:
    said = [
        ago(now() - timedelta(**each), "en")
        for each in ({"seconds": 5}, {"minutes": 7}, {"hours": 3}, {"days": 2})
    ]
    assert said == ["just now", "7 min ago", "3 h ago", "2 days ago"]
    assert ago(now() - timedelta(days=2), "ru") == "2 дня назад"
    assert ago(now() - timedelta(days=21), "ru") == "21 день назад"
