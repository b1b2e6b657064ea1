"""Which language models a flow may name, with price and context window. Nothing is called and LiteLLM stays out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from app.integrations.llm.prices import available, price_list
from app.schemas.models import ModelInfo, ModelList

DEMO: Final = ModelInfo(
    id="demo/assistant",
    label="demo/assistant",
    provider="demo",
    demo=True,
    available=True,
    input_cost=0,
    output_cost=0,
    context=128_000,
    tools=True,
    json_schema=True,
)
# Offered in the editor when this instance has no key yet, so that a person sees what could be chosen.
_WELL_KNOWN: Final = (
    "gpt-4o-mini",
    "gpt-4.1",
    "gpt-5-mini",
    "claude-haiku-4-5",
    "claude-sonnet-4-5",
    "gemini/gemini-2.5-flash",
    "mistral/mistral-large-latest",
    "deepseek/deepseek-chat",
)
_EDITOR_LIMIT: Final = 200


@dataclass(frozen=True, slots=True)
class ModelFilter:
    """What to list. `max_input_cost` is USD per million tokens; `min_context` is in tokens."""

    search: str = ""
    provider: str = ""
    available: bool | None = None
    tools: bool | None = None
    max_input_cost: float | None = None
    min_context: int | None = None

    def fits(self, model: ModelInfo) -> bool:
        return (
            self.search.lower() in model.id.lower()
            and self.provider in ("", model.provider)
            and self.available in (None, model.available)
            and self.tools in (None, model.tools)
            and (
                self.max_input_cost is None
                or (model.input_cost is not None and model.input_cost <= self.max_input_cost)
            )
            and (self.min_context is None or (model.context or 0) >= self.min_context)
        )


def list_models(wanted: ModelFilter, limit: int = 100, offset: int = 0) -> ModelList:
    """The demo model, then what this instance can call, then the rest; each part by name."""
    fitting = [model for model in (DEMO, *_priced()) if wanted.fits(model)]
    providers = sorted({model.provider for model in fitting})
    page = tuple(fitting[offset : offset + limit])
    return ModelList(models=page, total=len(fitting), providers=tuple(providers))


def editor_models() -> tuple[ModelInfo, ...]:
    """The short list of the editor: the demo model and what can be called, or well-known names without any key."""
    callable_ = [model for model in _priced() if model.available]
    known = [model for model in _priced() if model.id in _WELL_KNOWN and not model.available]
    return (DEMO, *callable_[:_EDITOR_LIMIT], *known)


@lru_cache(maxsize=1)
def _priced() -> tuple[ModelInfo, ...]:
    models = [
        _info(name, entry)
        for name, entry in price_list().items()
        if entry.get("mode") in ("chat", "responses")
    ]
    return tuple(sorted(models, key=lambda model: (not model.available, model.id)))


def _info(name: str, entry: Mapping[str, Any]) -> ModelInfo:
    provider = str(entry.get("litellm_provider", ""))
    return ModelInfo(
        id=name,
        label=name.removeprefix(f"{provider}/"),
        provider=provider,
        available=available(provider),
        input_cost=_per_million(entry.get("input_cost_per_token")),
        output_cost=_per_million(entry.get("output_cost_per_token")),
        context=_tokens(entry.get("max_input_tokens") or entry.get("max_tokens")),
        max_output=_tokens(entry.get("max_output_tokens")),
        tools=bool(entry.get("supports_function_calling")),
        json_schema=bool(entry.get("supports_response_schema")),
        vision=bool(entry.get("supports_vision")),
    )


def _per_million(cost: Any) -> float | None:
    return round(float(cost) * 1_000_000, 6) if isinstance(cost, int | float) else None


def _tokens(count: Any) -> int | None:
    """The list writes some numbers as text, and sometimes words."""
    return int(count) if str(count).isdigit() else None
