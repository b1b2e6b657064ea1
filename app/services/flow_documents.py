"""Between a stored row and the language: documents read and checked once, shown in words."""

from collections import OrderedDict
from typing import Generic, TypeVar

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
_KEPT = 128


class _Recent(Generic[V]):
    """The last values by the canonical text they follow from, so nothing in it can be out of date."""

    def __init__(self) -> None:
        self._values: OrderedDict[str, V] = OrderedDict()

    def get(self, text: str) -> V | None:
        if text in self._values:
            self._values.move_to_end(text)
        return self._values.get(text)

    def put(self, text: str, value: V) -> V:
        self._values[text] = value
        while len(self._values) > _KEPT:
            self._values.popitem(last=False)
        return value


_documents: _Recent[Document] = _Recent()
_problems: _Recent[tuple[Problem, ...]] = _Recent()


def read(flow: Flow) -> Document:
    """The row's document as a value."""
    known = _documents.get(flow.document)
    return known if known is not None else _documents.put(flow.document, codec.load(flow.document))


def write(flow: Flow, document: Document, source: str | None = None) -> None:
    """Store `document` in the row with everything that repeats it. `source` is the text it was read from."""
    flow.document = codec.dump(document)
    _documents.put(flow.document, document)
    flow.source = source if source != flow.document else None
    flow.semantic_hash = codec.semantic_hash(document)
    flow.kind = document.kind
    flow.name, flow.description = _storable(document.name), _storable(document.description)


def problems(flow: Flow) -> tuple[Problem, ...]:
    """Everything wrong with the row's document."""
    known = _problems.get(flow.document)
    return known if known is not None else _problems.put(flow.document, tuple(check(read(flow), CATALOG)))


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


def _storable(text: str) -> str:
    """PostgreSQL keeps no NUL; in the document it is an escape."""
    return text.replace("\x00", "")


def _head(flow: Flow) -> dict[str, object]:
    return {name: getattr(flow, name) for name in FlowSummary.model_fields}
