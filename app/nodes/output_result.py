"""The run's result, checked against a schema where one is given."""

from collections.abc import Mapping
from typing import Annotated, Any

from jsonschema import Draft202012Validator, SchemaError
from jsonschema.exceptions import best_match
from pydantic import Field, field_validator

from app.capabilities import NodeContext
from app.flows.check.shapes import resolved
from app.flows.node_type import ErrorKind, Known, Next, NodeError, NodeType, Params, Value


class ResultParams(Params):
    value: Annotated[Value, Field(json_schema_extra={"widget": "value"})]
    schema_: Annotated[
        dict[str, Any] | None,
        Field(alias="schema", json_schema_extra={"widget": "schema", "x-advanced": True}),
    ] = None

    @field_validator("schema_")
    @classmethod
    def _is_a_schema(cls, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            Draft202012Validator.check_schema(schema or {})
        except SchemaError as error:
            raise ValueError(f"is not a JSON Schema: {error.message[:200]}") from None
        return schema


def infer(params: Mapping[str, Any], known: Known) -> Mapping[str, Any]:
    """What the schema promises, or what the value looks like."""
    return resolved(params["schema"]) if params.get("schema") else known.of(params.get("value"))


async def run(params: ResultParams, _ctx: NodeContext) -> Next:
    """Leaves by no port: a result ends its path. Raises `result.does_not_fit` naming the place."""
    if params.schema_:
        fault = best_match(Draft202012Validator(params.schema_).iter_errors(params.value))
        if fault is not None:
            place = ".".join(map(str, fault.absolute_path))
            raise NodeError(
                ErrorKind.INVALID_INPUT,
                "result.does_not_fit",
                param="value",
                path=place,
                reason=fault.message[:300],
            )
    return Next((), params.value)


NODE = NodeType(
    key="output.result",
    version=1,
    category="output",
    icon="flag",
    effects="none",
    params=ResultParams,
    output=None,
    ports=(),
    run=run,
    infer=infer,
    wants=lambda params: {"value": resolved(params.get("schema"))},
    starts_with={"value": "{{ input }}"},
)
