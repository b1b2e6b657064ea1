"""Refuses WebSockets opened by another site's page: browsers send our cookie along and ask no permission first.

HTTP calls are guarded where they are authorised; a WebSocket handshake has no such place in Reflex.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_REFUSED = 4403


class SameOrigin:
    """ASGI middleware. `public_url` is accepted too: a proxy may put its own name in `Host`."""

    def __init__(self, app: App, public_url: str) -> None:
        self._app, self._public_host = app, urlsplit(public_url).netloc.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not self._allowed(scope):
            await receive()
            await send({"type": "websocket.close", "code": _REFUSED})
            return
        await self._app(scope, receive, send)

    def _allowed(self, scope: Scope) -> bool:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        origin = headers.get(b"origin")
        if origin is None:  # not a browser: no cookie to abuse
            return True
        return urlsplit(origin).netloc.lower() in {headers.get(b"host", "").lower(), self._public_host} - {""}
