"""A page of another site cannot open a WebSocket with a visitor's cookie."""

from typing import Any

import pytest

from app.core.same_origin import SameOrigin


async def handshake(**headers: str) -> list[str]:
    """What is sent when a WebSocket with these headers knocks at `flows.test`."""
    sent: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    scope = {
        "type": "websocket",
        "headers": [
            (name.encode(), value.encode()) for name, value in {"host": "flows.test", **headers}.items()
        ],
    }
    await SameOrigin(app, "https://public.test")(scope, receive, send)
    return sent


@pytest.mark.parametrize("origin", ["http://flows.test", "https://FLOWS.test", "https://public.test"])
async def test_own_pages_are_let_in(origin: str) -> None:
    assert await handshake(origin=origin) == ["websocket.accept"]


async def test_programs_without_an_origin_are_let_in() -> None:
    assert await handshake() == ["websocket.accept"]


@pytest.mark.parametrize("origin", ["https://evil.test", "http://flows.test:9999", "null", "", "http://"])
async def test_other_pages_are_refused(origin: str) -> None:
    assert await handshake(origin=origin) == ["websocket.close"]
