"""What a params model takes where a template stands: JSON Schemas of its rendered fields, made once a model."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, get_args

from pydantic import BaseModel, BeforeValidator, PlainValidator, WrapValidator

from app.flows.check.params import rendered_fields
from app.flows.check.shapes import KINDS, Schema, kinds, properties, resolved
from app.flows.node_type import Params

_FREE: Final = (BeforeValidator, PlainValidator, WrapValidator)
# A value of any kind becomes a text but null, which stays what it is.
TEXTED: Final[Schema] = {"type": ["string", "number", "boolean", "array", "object"]}


@cache
def wanted_by(model: type[Params]) -> Mapping[str, Schema]:
    """Schemas by the name a file uses; a field that may be anything is left out.

    A field whose own code converts what it is given may be anything; one with such code inside is known by its kind.
    """
    whole = properties(resolved(model.model_json_schema(mode="validation")))
    by_alias = {info.alias or name: info for name, info in model.model_fields.items()}
    found: dict[str, Schema] = {}
    for name, kind in rendered_fields(model).items():
        schema, info = whole.get(name, {}), by_alias[name]
        if kind == "raw" or any(isinstance(each, _FREE) for each in info.metadata):
            continue
        takes = kinds(schema)
        if kind == "text":
            if takes is not None and "null" not in takes:
                found[name] = TEXTED
        elif takes is not None and takes != KINDS:
            free = any(_converted(info.annotation))
            found[name] = {"type": schema["type"]} if free and "type" in schema else {} if free else schema
    return {name: schema for name, schema in found.items() if schema}


def _converted(annotation: Any) -> Iterator[bool]:
    """Whether code of its own sees a value inside before its type does."""
    yield any(isinstance(each, _FREE) for each in getattr(annotation, "__metadata__", ()))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        decorators = annotation.__pydantic_decorators__
        yield any(each.info.mode != "after" for each in decorators.field_validators.values())
        yield any(each.info.mode != "after" for each in decorators.model_validators.values())
        for info in annotation.model_fields.values():
            yield any(isinstance(each, _FREE) for each in info.metadata)
            yield from _converted(info.annotation)
    for inner in get_args(annotation):
        yield from _converted(inner)
