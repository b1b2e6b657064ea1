"""Rules that a linter does not know: where queries and commits live, and what no module does."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for folder in ("app", "workers", "emulators") for path in (ROOT / folder).rglob("*.py"))
# LiteLLM takes seconds to import, so it is loaded once, by a cached function, in the worker alone.
LAZY_IMPORTS_ALLOWED = ROOT / "app" / "integrations" / "llm"


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def imported(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Pairs of module and name of one import statement."""
    if isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield node.module or "", alias.name


def test_queries_live_in_repositories() -> None:
    found = [
        place(path, node)
        for path in MODULES
        if ROOT / "app" / "repositories" not in path.parents
        for node in ast.walk(tree(path))
        if any(
            name == "select" and module.startswith(("sqlalchemy", "sqlmodel"))
            for module, name in imported(node)
        )
    ]
    assert found == []


def test_only_the_unit_of_work_commits() -> None:
    found = [
        place(path, node)
        for path in MODULES
        if path != ROOT / "app" / "core" / "db.py"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]
    assert found == []


def test_imports_stand_at_the_top() -> None:
    found = [
        place(path, inner)
        for path in MODULES
        if LAZY_IMPORTS_ALLOWED not in path.parents
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert found == []


def test_no_cycle_is_hidden_behind_type_checking() -> None:
    found = [
        place(path, node)
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Name) and node.id == "TYPE_CHECKING"
    ]
    assert found == []


def test_no_error_is_swallowed() -> None:
    found = [
        place(path, node)
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and (
            node.type is None
            or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"})
        )
        and all(isinstance(statement, ast.Pass | ast.Continue) for statement in node.body)
    ]
    assert found == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_lives_in_it(path: Path) -> None:
    if tree(path).body:
        assert ast.get_docstring(tree(path)), f"{path.relative_to(ROOT)} has no docstring"


def test_no_promise_without_an_address() -> None:
    promise = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!.*https?://)")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in MODULES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if promise.search(line)
    ]
    assert found == []
