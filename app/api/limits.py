"""What holds for every request under /api: a bound on the body, and headers that keep browsers careful."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import BodyTooLarge, problem
from app.i18n import negotiate

MAX_BODY = 4 * 1024 * 1024
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
}
_CLOSED_TO_PAGES = "default-src 'none'; frame-ancestors 'none'"


class Limits:
    """Without it one large request fills the memory of the process. Pages and websockets pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(("/api/", "/metrics")):
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        careful = _careful(send, docs=scope["path"].startswith("/api/docs"))
        if length.isdigit() and int(length) > MAX_BODY:
            locale = negotiate(headers.get(b"accept-language", b"").decode("latin-1"))
            answer = problem("request.too_large", 413, locale, {"limit": MAX_BODY}, {"connection": "close"})
            await answer(scope, receive, careful)
            return
        await self.app(scope, _bounded(receive), careful)


def _bounded(receive: Receive) -> Receive:
    """Count what arrives: a chunked body tells no length."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY:
            raise BodyTooLarge(MAX_BODY)
        return message

    return counted


def _careful(send: Send, *, docs: bool) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            if not docs:
                headers.setdefault("content-security-policy", _CLOSED_TO_PAGES)
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return with_headers
