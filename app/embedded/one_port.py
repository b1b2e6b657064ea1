"""A Reflex plugin: the built pages talk to whatever address they were loaded from.

Reflex bakes the backend's port into the bundle, so another `PORT` or a proxy would need another build.
See docs/adr/0002-one-port.md.
"""

from typing import Any

import reflex as rx

_FILE = "utils/state.js"
_BAKED = "endpoint.hostname = frontend_hostname;"
_OWN = "endpoint.host = window.location.host;"
_PROXY_GUESS = 'endpoint.port = ""; // Assume websocket is on https port via load balancer.'


class OnePortPlugin(rx.plugins.Plugin):
    def pre_compile(self, **context: Any) -> None:
        context["add_modify_task"](_FILE, follow_own_address)


def follow_own_address(source: str) -> str:
    """Reflex's `state.js` with the page's own host and port. Raises `ValueError` if Reflex changed that code."""
    if _OWN in source:
        return source
    if _BAKED not in source or _PROXY_GUESS not in source:
        raise ValueError(f"{_FILE} of this Reflex version is not the one OnePortPlugin knows")
    return source.replace(_BAKED, _OWN).replace(_PROXY_GUESS, "")
