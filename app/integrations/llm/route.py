"""From the model name of a flow to what LiteLLM is called with."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from app.flows.node_type import ErrorKind, NodeError
from app.integrations.llm.prices import DEMO_PREFIX, price_list


@dataclass(frozen=True, slots=True)
class Route:
    """`name` is what the flow says, `target` what LiteLLM is asked for, `options` where and with which key."""

    name: str
    target: str
    provider: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def demo(self) -> bool:
        return self.name.startswith(DEMO_PREFIX)


def route(module: ModuleType, name: str, demo_url: str) -> Route:
    """Where this model is served. Raises `model.unknown_model` or `model.demo_off`."""
    if name.startswith(DEMO_PREFIX):
        if not demo_url:
            raise NodeError(ErrorKind.INVALID_INPUT, "model.demo_off", param="model", model=name)
        base = demo_url.rstrip("/")
        base = base if base.endswith("/v1") else f"{base}/v1"
        target = f"openai/{name.removeprefix(DEMO_PREFIX)}"
        return Route(name, target, "demo", {"api_base": base, "api_key": "demo"})
    try:
        _, provider, _, _ = module.get_llm_provider(model=name)
    except module.BadRequestError:
        raise unknown_model(name) from None
    return Route(name, name, provider)


def unknown_model(name: str, provider: str = "") -> NodeError:
    """The error for a name nobody serves, with the nearest known name."""
    near = difflib.get_close_matches(name, [*price_list(), "demo/assistant"], n=1, cutoff=0.6)
    return NodeError(
        ErrorKind.INVALID_INPUT,
        "model.unknown_model",
        param="model",
        model=name,
        provider=provider,
        suggestion=near[0] if near else "demo/assistant",
    )
