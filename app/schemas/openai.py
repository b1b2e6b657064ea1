"""The part of OpenAI's chat wire format that published flows speak."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Lenient(BaseModel):
    """Clients send more than we read."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class InMessage(_Lenient):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(str(part.get("text", "")) for part in self.content if part.get("type") == "text")
        return self.content or ""


class CompletionBody(_Lenient):
    """`model` is the id or the name of a published flow; the last user message is what it is asked."""

    model: Annotated[str, Field(min_length=1, max_length=200)]
    messages: Annotated[list[InMessage], Field(min_length=1, max_length=500)]
    stream: bool = False
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
