"""Between a stored row and the language: documents read once a revision, checked once a revision, shown in words."""

from collections import OrderedDict
from typing import Generic, TypeVar
from uuid import UUID

import orjson

from app.errors import AppError
from app.flows import codec
from app.flows.check import Problem, check
from app.flows.document import Flow as Document
from app.i18n import t
from app.models.flows import Flow
from app.nodes.catalog import CATALOG
from app.schemas.flows import FlowSummary, FlowView, ProblemView

V = TypeVar("V")
_KEPT = 256


class _Recent(Generic[V]):
    """The last values by flow and revision. A revision never changes, so neither does what follows from it."""

    def __init__(self) -> None:
        self._values: OrderedDict[tuple[UUID, int], V] = OrderedDict()

    def get(self, flow: Flow) -> V | None:
        key = (flow.id, flow.revision)
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def put(self, flow: Flow, value: V) -> V:
        self._values[(flow.id, flow.revision)] = value
        while len(self._values) > _KEPT:
            self._values.popitem(last=False)
        return value


_documents: _Recent[Document] = _Recent()
_problems: _Recent[tuple[Problem, ...]] = _Recent()


def read(flow: Flow) -> Document:
    """The row's document as a value."""
    known = _documents.get(flow)
    return known if known is not None else _documents.put(flow, codec.load(flow.document))


def write(flow: Flow, document: Document, source: str | None = None) -> None:
    """Store `document` in the row with everything that repeats it. `source` is the text it was read from."""
    flow.document = codec.dump(document)
    flow.source = source if source != flow.document else None
    flow.semantic_hash = codec.semantic_hash(document)
    flow.kind, flow.name, flow.description = document.kind, document.name, document.description


def problems(flow: Flow) -> tuple[Problem, ...]:
    """Everything wrong with the row's document."""
    known = _problems.get(flow)
    return known if known is not None else _problems.put(flow, tuple(check(read(flow), CATALOG)))


def in_words(found: tuple[Problem, ...] | list[Problem], locale: str) -> list[ProblemView]:
    return [
        ProblemView(
            code=each.code,
            severity=each.severity,
            node=each.node,
            edge=each.edge,
            param=each.param,
            range=each.range,
            message=t(f"problem.{each.code}", locale, **each.context),
            context=dict(each.context),
        )
        for each in found
    ]


def error_in_words(error: AppError, locale: str) -> str:
    return t(f"errors.{error.error_code}", locale, **error.context)


def summary(flow: Flow) -> FlowSummary:
    return FlowSummary.model_validate(_head(flow))


def view(flow: Flow, locale: str) -> FlowView:
    return FlowView.model_validate(
        _head(flow) | {"document": orjson.loads(flow.document), "problems": in_words(problems(flow), locale)}
    )


def _head(flow: Flow) -> dict[str, object]:
    return {name: getattr(flow, name) for name in FlowSummary.model_fields}
