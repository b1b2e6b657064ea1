"""What one step cost, all its attempts together: its model calls, also those that came to nothing, and what other
runs spent and did for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class Bill:
    """`cost_usd` is None as long as no call had a price. `elsewhere` is the usage of runs that did parts of the step,
    `steps` how many they took.
    """

    model: str = ""
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    elsewhere: Mapping[str, Any] | None = None
    steps: int = 0

    def add(self, model: str, prompt_tokens: int, completion_tokens: int, cost_usd: float | None) -> None:
        self.model, self.calls = model, self.calls + 1
        self.prompt_tokens += prompt_tokens
        self.completion_tokens += completion_tokens
        if cost_usd is not None:
            self.cost_usd = (self.cost_usd or 0.0) + cost_usd

    def usage(self, otherwise: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """As an event has it: this bill, or what the step itself says where it called no model here."""
        if not self.calls:
            told = self.elsewhere if otherwise is None else otherwise
            return dict(told) if told is not None else None
        return {
            "model": (otherwise or {}).get("model") or self.model,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "cost_usd": self.cost_usd,
            "calls": self.calls,
        }
