"""One problem of a flow, as found. Sentences are looked up by `problem.<code>` at the edge."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """`param` is the dotted place in the node's params ("cases[0].when.left"), `range` the part of that string.

    An error keeps a flow from being published; a warning does not. `context` fills the sentence.
    """

    code: str
    severity: Severity = "error"
    node: str | None = None
    edge: str | None = None
    param: str | None = None
    range: tuple[int, int] | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
