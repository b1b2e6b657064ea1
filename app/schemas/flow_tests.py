"""Flow tests as the API and the pages show them."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class MakeTest(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(max_length=200)] = ""


class MismatchView(BaseModel):
    """`what` is a field of the test's `expect`. For `path`: the steps that are missing, and those that are too many."""

    model_config = ConfigDict(frozen=True)

    what: str
    expected: Any
    found: Any


class TestResult(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    passed: bool
    run_id: UUID
    duration_ms: float | None
    mismatches: list[MismatchView]


class TestReport(BaseModel):
    """`uncovered_nodes` are nodes no test reached, `uncovered_branches` ("node.port") edges none took."""

    model_config = ConfigDict(frozen=True)

    passed: int
    failed: int
    results: list[TestResult]
    uncovered_nodes: list[str]
    uncovered_branches: list[str]
