"""LiteLLM's price list and the variables providers want, read without importing LiteLLM (the web process may)."""

import importlib.util
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import orjson

DEMO_PREFIX: Final = "demo/"
_FILE: Final = "model_prices_and_context_window_backup.json"
# Providers whose variable is not <PROVIDER>_API_KEY.
_KEYS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "azure": ("AZURE_API_KEY", "AZURE_API_BASE"),
        "azure_ai": ("AZURE_AI_API_KEY", "AZURE_AI_API_BASE"),
        "bedrock": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        "bedrock_converse": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        "dashscope": ("DASHSCOPE_API_KEY",),
        "fireworks_ai": ("FIREWORKS_AI_API_KEY",),
        "github_copilot": (),
        "huggingface": ("HF_TOKEN",),
        "ollama": ("OLLAMA_API_BASE",),
        "together_ai": ("TOGETHERAI_API_KEY",),
        "vertex_ai": ("VERTEXAI_PROJECT", "VERTEXAI_LOCATION"),
        "watsonx": ("WATSONX_APIKEY", "WATSONX_URL"),
    }
)


@lru_cache(maxsize=1)
def price_list() -> Mapping[str, Mapping[str, Any]]:
    """Model name → its entry: `litellm_provider`, `mode`, costs per token, context window. Empty if not found."""
    found = importlib.util.find_spec("litellm")
    if found is None or found.origin is None:
        return MappingProxyType({})
    entries = orjson.loads((Path(found.origin).parent / _FILE).read_bytes())
    return MappingProxyType({name: entry for name, entry in entries.items() if name != "sample_spec"})


def key_variables(provider: str) -> tuple[str, ...]:
    """The environment variables a provider needs."""
    return _KEYS.get(provider, (f"{provider.upper().replace('-', '_')}_API_KEY",))


def available(provider: str) -> bool:
    """Whether this process has what the provider needs."""
    variables = key_variables(provider)
    return bool(variables) and all(os.environ.get(name) for name in variables)
