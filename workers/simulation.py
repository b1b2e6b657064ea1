"""What a simulated run may ask of the world: it reads, and what it would change is written down instead."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from app.capabilities import Channel, Http, HttpRequest, HttpResponse
from app.flows.node_type import Message, Next, Result

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
Effect = dict[str, Any]


@dataclass
class Intentions:
    """The effects that the steps of one simulated run would have had, by step."""

    _of_steps: dict[tuple[str, str], list[Effect]] = field(default_factory=dict)

    def of(self, node: str, path: str) -> list[Effect]:
        return self._of_steps.setdefault((node, path), [])

    def begin(self, node: str, path: str) -> None:
        """Forget what an earlier attempt of the step meant to do."""
        self._of_steps.pop((node, path), None)

    def told(self, node: str, path: str, result: Result) -> Result:
        """The result with what the step would have done, for the journal and whoever looks at the run."""
        meant = self._of_steps.pop((node, path), [])
        return replace(result, effects=tuple(meant)) if meant and isinstance(result, Next) else result


@dataclass(frozen=True, slots=True)
class RecordingHttp:
    """Calls that only read go out. Any other is answered by what it would have sent."""

    inner: Http
    meant: list[Effect]

    async def send(self, request: HttpRequest) -> HttpResponse:
        if request.method in _READS:
            return await self.inner.send(request)
        payload = request.json if request.json is not None else request.body
        self.meant.append(
            {
                "kind": "http.request",
                "method": request.method,
                "url": request.url,
                "query": dict(request.query),
                "body": payload,
            }
        )
        body = orjson.dumps(payload) if request.json is not None else (request.body or "").encode()
        return HttpResponse(200, {}, body)


@dataclass(frozen=True, slots=True)
class RecordingChannel:
    """The message is made as ever, with the same refusals, and reaches nobody."""

    inner: Channel
    meant: list[Effect]

    async def send(
        self, text: str, buttons: Sequence[Mapping[str, str]] = (), to: str | None = None
    ) -> Message:
        message = await self.inner.send(text, buttons, to)
        self.meant.append({"kind": "message", "text": text, "buttons": [dict(each) for each in buttons]})
        return message

    async def opted_out(self) -> bool:
        return await self.inner.opted_out()

    async def opt_out(self) -> None:
        self.meant.append({"kind": "opt_out"})
