"""A node's world without a world: fakes of every capability, which remember what was asked of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from app.capabilities import Completion, HttpRequest, HttpResponse, ModelRequest
from app.flows.node_type import Message, NodeError


@dataclass
class FakeLlm:
    answers: list[Completion] = field(default_factory=list)
    asked: list[ModelRequest] = field(default_factory=list)

    async def complete(self, request: ModelRequest) -> Completion:
        self.asked.append(request)
        return self.answers.pop(0)


@dataclass
class FakeHttp:
    response: HttpResponse = field(default_factory=lambda: HttpResponse(200, {}, b""))
    sent: list[HttpRequest] = field(default_factory=list)

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.sent.append(request)
        return self.response


@dataclass
class FakeChannel:
    error: NodeError | None = None
    sent: list[tuple[str, list[Mapping[str, str]], str | None]] = field(default_factory=list)

    async def send(
        self, text: str, buttons: Sequence[Mapping[str, str]] = (), to: str | None = None
    ) -> Message:
        if self.error:
            raise self.error
        self.sent.append((text, list(buttons), to))
        return {"id": f"m{len(self.sent)}", "text": text, "buttons": [dict(each) for each in buttons]}


class FakeEmit:
    def delta(self, text: str) -> None:
        """Nobody watches."""


def _as_it_stands(value: Any, scope: Mapping[str, Any]) -> Any:
    return value(scope) if callable(value) else value


@dataclass
class FakeContext:
    """`render` returns values as they stand; a callable value is called with the scope."""

    input: Any = None
    scope: Mapping[str, Any] = field(default_factory=dict)
    llm: FakeLlm = field(default_factory=FakeLlm)
    http: FakeHttp = field(default_factory=FakeHttp)
    channel: FakeChannel = field(default_factory=FakeChannel)
    emit: FakeEmit = field(default_factory=FakeEmit)
    rendering: Callable[[Any, Mapping[str, Any]], Any] = _as_it_stands
    run_id: str = "run"
    node_id: str = "node"
    idempotency_key: str = "run:node::1"
    attempt: int = 1
    now: datetime = datetime(2026, 11, 20, tzinfo=UTC)
    simulate: bool = False
    rounds: int = 0
    sources: tuple[str, ...] = ()
    wait: Mapping[str, Any] = field(default_factory=dict)
    signal: Mapping[str, Any] = field(default_factory=dict)

    def render(self, value: Any, state: Mapping[str, Any] | None = None) -> Any:
        scope = {**self.scope, "state": {**self.scope.get("state", {}), **(state or {})}}
        return self.rendering(value, scope)
