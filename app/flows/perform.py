"""Performs one attempt of a step: renders its params, gives it a context, calls its run function."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from app.flows.keeping import Keeper, can_keep, key_of, restored, stored
from app.flows.node_type import Result
from app.flows.plan import Plan, located
from app.flows.ports import Perform, StepRequest
from app.flows.storable import plain
from app.flows.templates import TemplateError

Bindings = Callable[[StepRequest], Mapping[str, Any]]


def make_perform(
    plan: Plan, bindings: Bindings, *, simulate: bool = False, keeper: Keeper | None = None
) -> Perform:
    """`bindings(request)` gives `llm`, `http`, `channel` and `emit` of one step; asked only when one is used.

    Without a `keeper` no step is answered by the result of an earlier run.
    """

    async def perform(request: StepRequest) -> Result:
        node_type, params = request.node.type, request.node.params.render(request.scope)
        context = StepContext(plan, request, bindings, simulate)
        if request.signal is not None and node_type.resume is not None:
            return await node_type.resume(params, context)
        policy = request.node.policy.cache
        if keeper is None or policy is None or not can_keep(node_type, request.node.effects):
            return await node_type.run(params, context)
        key = key_of(plan, request, params)
        kept = await keeper.find(key) if key else None
        if kept is not None:
            return restored(kept)
        result = await node_type.run(params, context)
        keepable = stored(result)
        if key and keepable is not None:
            keepable["output"] = plain(keepable["output"])
            await keeper.keep(key, keepable, policy.ttl_s)
        return result

    return perform


class StepContext:
    """What the step sees: `capabilities.NodeContext`."""

    __slots__ = ("_bindings", "_bound", "_plan", "_request", "input", "scope", "simulate")

    def __init__(self, plan: Plan, request: StepRequest, bindings: Bindings, simulate: bool) -> None:
        self._plan, self._request, self._bindings = plan, request, bindings
        self._bound: Mapping[str, Any] | None = None
        self.input, self.scope, self.simulate = request.input, request.scope, simulate

    @property
    def run_id(self) -> str:
        return self._request.run_id

    @property
    def node_id(self) -> str:
        return self._request.node.id

    @property
    def idempotency_key(self) -> str:
        return self._request.idempotency_key

    @property
    def attempt(self) -> int:
        return self._request.attempt

    @property
    def rounds(self) -> int:
        return self._request.rounds

    @property
    def sources(self) -> tuple[str, ...]:
        return self._request.sources

    @property
    def wait(self) -> Mapping[str, Any]:
        return self._request.wait or {}

    @property
    def signal(self) -> Mapping[str, Any]:
        return self._request.signal or {}

    @property
    def now(self) -> datetime:
        return self._request.now

    @property
    def llm(self) -> Any:
        return self._capability("llm")

    @property
    def http(self) -> Any:
        return self._capability("http")

    @property
    def channel(self) -> Any:
        return self._capability("channel")

    @property
    def emit(self) -> Any:
        return self._capability("emit")

    def render(self, value: Any, state: Mapping[str, Any] | None = None, **names: Any) -> Any:
        """Render a raw value. Raises a located `NodeError(invalid_input)`."""
        scope = {**self.scope, **names} if names else self.scope
        if state:
            scope = {**scope, "state": {**scope.get("state", {}), **state}}
        try:
            return self._plan.render(value, scope)
        except TemplateError as error:
            raise located(error, self._param_of(value)) from error

    def _param_of(self, value: Any) -> str:
        """Which param holds this raw value; "" where it cannot be told."""
        found = (_place(raw, value, name) for name, raw in self._request.node.params.raw.items())
        return next((place for place in found if place), "")

    def _capability(self, name: str) -> Any:
        if self._bound is None:
            self._bound = self._bindings(self._request)
        return self._bound[name]


def _place(tree: Any, value: Any, path: str) -> str | None:
    if tree is value or (isinstance(tree, str | list | dict) and tree == value):
        return path
    children: list[tuple[str, Any]] = []
    if isinstance(tree, Mapping):
        children = [(f"{path}.{name}", each) for name, each in tree.items()]
    elif isinstance(tree, list | tuple):
        children = [(f"{path}[{index}]", each) for index, each in enumerate(tree)]
    return next((found for name, each in children if (found := _place(each, value, name))), None)
