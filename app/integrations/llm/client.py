"""The one implementation of `Llm`: LiteLLM, with fallbacks, usage, cost and located errors."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import ModuleType
from typing import Any

import structlog

from app.capabilities import Completion, Llm, ModelRequest
from app.flows.node_type import ErrorKind, NodeError
from app.integrations.llm import direct, structured
from app.integrations.llm.direct import DirectWire
from app.integrations.llm.errors import translate
from app.integrations.llm.loader import litellm, loaded
from app.integrations.llm.route import Route, route
from app.integrations.llm.stream import Collected, chunks_of, streamed, whole

Messages = Sequence[Mapping[str, Any]]
Ask = Callable[[], Coroutine[Any, Any, Completion]]
Toll = Callable[[str, Ask], Awaitable[Completion]]
Emit = Callable[[str], None]
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LiteLlm:
    """Model calls of one process. `idle_timeout_s` is how long a provider may say nothing at all.

    `direct` lets servers that speak OpenAI's wire be called without LiteLLM in between.
    """

    demo_url: str = ""
    idle_timeout_s: float = 60
    direct: bool = True
    wire: DirectWire = field(default_factory=DirectWire)

    async def close(self) -> None:
        await self.wire.close()

    def bind(
        self, emit: Callable[[str], None] | None = None, idempotency_key: str = "", toll: Toll | None = None
    ) -> Llm:
        """The `Llm` of one step. Without `emit` answers are not streamed. `toll` makes each call of a model: it may let
        one go on that the step no longer waits for. Nothing of that one is emitted.
        """
        return _StepLlm(self, emit, idempotency_key, toll)


@dataclass(frozen=True, slots=True)
class _StepLlm:
    engine: LiteLlm
    emit: Callable[[str], None] | None
    idempotency_key: str
    toll: Toll | None = None

    async def complete(self, request: ModelRequest) -> Completion:
        ready = loaded()
        module = await asyncio.to_thread(litellm) if ready is None else ready
        first: NodeError | None = None
        for number, model in enumerate((request.model, *request.fallbacks)):
            try:
                return await self._answer(module, replace(request, model=model), number)
            except NodeError as error:
                if error.code == "model.refused" or error.kind is ErrorKind.BUDGET:
                    raise
                _log.info("llm.failed", model=model, code=error.code)
                first = first or error
        assert first is not None  # noqa: S101 - the loop runs at least once
        if request.fallbacks:
            first.context["fallbacks"] = ", ".join(request.fallbacks)
        raise first

    async def _answer(self, module: ModuleType, request: ModelRequest, number: int) -> Completion:
        """One model, with a second chance where its JSON does not fit."""
        way = route(module, request.model, self.engine.demo_url)
        schema = request.output_schema
        if schema is None:
            done = await self._call(module, way, request, request.messages, f"{number}")
            if not done.text and not done.tool_calls:
                raise _bad_answer(way, "the answer is empty")
            return done
        messages = [*_without_format(module, way, schema), *request.messages]
        done = await self._call(module, way, request, messages, f"{number}")
        try:
            return replace(done, json=structured.read(done.text, schema))
        except structured.BadAnswer as fault:
            repair = structured.correction(done.text, fault)
        again = await self._call(module, way, request, [*messages, *repair], f"{number}r")
        try:
            return _together(done, replace(again, json=structured.read(again.text, schema)))
        except structured.BadAnswer as fault:
            raise _bad_answer(way, str(fault)) from None

    async def _call(
        self, module: ModuleType, way: Route, request: ModelRequest, messages: Messages, ordinal: str
    ) -> Completion:
        if self.toll is None:
            return await self._ask(module, way, request, messages, ordinal, self.emit)
        awaited = True

        def emit(text: str) -> None:
            if awaited and self.emit is not None:
                self.emit(text)

        shown = None if self.emit is None else emit
        try:
            return await self.toll(
                way.name, partial(self._ask, module, way, request, messages, ordinal, shown)
            )
        finally:
            awaited = False

    async def _ask(
        self,
        module: ModuleType,
        way: Route,
        request: ModelRequest,
        messages: Messages,
        ordinal: str,
        emit: Emit | None,
    ) -> Completion:
        stream = request.stream and emit is not None and request.output_schema is None
        options = self._options(way, request, messages, ordinal)
        if stream:
            options["stream_options"] = {"include_usage": True}
        at = direct.address(way, request.extra) if self.engine.direct else None
        try:
            if at is not None:
                shown, patience_s = emit if stream else None, self.engine.idle_timeout_s
                collected = await self.engine.wire.call(module, way, at, options, shown, patience_s)
                return self._checked(module, way, collected, messages)
            async with asyncio.timeout(self.engine.idle_timeout_s):
                response = await module.acompletion(**options, stream=stream)
            if stream and emit is not None:
                collected = await streamed(chunks_of(response), emit, self.engine.idle_timeout_s)
            else:
                collected = whole(response)
        except NodeError:
            raise
        except Exception as error:
            raise translate(module, error, way) from error
        return self._checked(module, way, collected, messages)

    def _checked(
        self, module: ModuleType, way: Route, collected: Collected, messages: Messages
    ) -> Completion:
        if collected.refusal or collected.finish_reason == "content_filter":
            raise NodeError(ErrorKind.POLICY, "model.refused", model=way.name, provider=way.provider)
        return _completion(module, way, collected, messages)

    def _options(self, way: Route, request: ModelRequest, messages: Messages, ordinal: str) -> dict[str, Any]:
        options: dict[str, Any] = {
            "model": way.target,
            "messages": list(messages),
            "max_retries": 0,  # retries are the step's policy, and nobody else's
            "timeout": self.engine.idle_timeout_s + 5,  # the SDK's own limit, after ours
            **way.options,
            **request.extra,
        }
        if self.idempotency_key:
            options["extra_headers"] = {"Idempotency-Key": f"{self.idempotency_key}:{ordinal}"}
        if request.temperature is not None:
            options["temperature"] = request.temperature
        if request.max_tokens is not None:
            options["max_tokens"] = request.max_tokens
        if request.output_schema is not None:
            options["response_format"] = structured.response_format(request.output_schema)
        return options


def _without_format(module: ModuleType, way: Route, schema: Mapping[str, Any]) -> list[dict[str, str]]:
    """The schema in words, where the provider is not known to enforce it."""
    known = way.demo or module.supports_response_schema(model=way.target, custom_llm_provider=way.provider)
    return [] if known else [structured.instruction(schema)]


def _completion(module: ModuleType, way: Route, collected: Collected, messages: Messages) -> Completion:
    usage = collected.usage
    if usage is None:
        prompt = module.token_counter(model=way.target, messages=list(messages))
        answer = module.token_counter(model=way.target, text=collected.text)
    else:
        prompt, answer = usage.prompt_tokens or 0, usage.completion_tokens or 0
    return Completion(
        text=collected.text,
        model=way.name,
        prompt_tokens=prompt,
        completion_tokens=answer,
        cost_usd=0.0 if way.demo else _cost(module, way, prompt, answer, usage),
        finish_reason=collected.finish_reason,
        tool_calls=tuple(call for _, call in sorted(collected.calls.items())),
    )


def _cost(module: ModuleType, way: Route, prompt: int, answer: int, usage: Any) -> float | None:
    """None where the price list does not have this model; LiteLLM raises a bare Exception then.

    What a server was asked directly is no `Usage` of LiteLLM's yet, and prices depend on its details.
    """
    if usage is not None and not isinstance(usage, module.Usage):
        usage = module.Usage(**vars(usage))
    try:
        costs = module.cost_per_token(
            model=way.target, prompt_tokens=prompt, completion_tokens=answer, usage_object=usage
        )
    except Exception:
        return None
    return float(sum(costs))


def _bad_answer(way: Route, reason: str) -> NodeError:
    return NodeError(
        ErrorKind.UPSTREAM, "model.bad_answer", model=way.name, provider=way.provider, reason=reason
    )


def _together(first: Completion, second: Completion) -> Completion:
    """The second answer with what both cost."""
    costs = [cost for cost in (first.cost_usd, second.cost_usd) if cost is not None]
    return replace(
        second,
        prompt_tokens=first.prompt_tokens + second.prompt_tokens,
        completion_tokens=first.completion_tokens + second.completion_tokens,
        cost_usd=sum(costs) if costs else None,
    )
