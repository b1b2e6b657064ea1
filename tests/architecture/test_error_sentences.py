"""Every code an error can carry has a sentence: a reader never sees a bare code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from app.i18n import LOCALES, messages

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"[a-z_]+(\.[a-z_0-9]+)+")
# `check` shows these as problems (`problem.<code>`), and the command line has sentences of its own.
ELSEWHERE = ("embedded.", "cli.", "settings.")


def codes() -> Iterator[tuple[str, str]]:
    """Codes in `raise SomeError("code", …)`, in `SomeError(ErrorKind.X, "code")`, and as class attributes."""
    for path in sorted([*(ROOT / "app").rglob("*.py"), *(ROOT / "workers").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found: list[ast.expr] = []
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                found = node.exc.args[:2]
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "NodeError":
                found = node.args[1:2]
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
                names = [getattr(each, "id", "") for each in getattr(node.targets[0], "elts", [])]
                found = [node.value.elts[0]] if names == ["code", "status"] else []
            for each in found:
                if (
                    isinstance(each, ast.Constant)
                    and isinstance(each.value, str)
                    and CODE.fullmatch(each.value)
                ):
                    yield each.value, f"{path.relative_to(ROOT)}:{each.lineno}"


def test_every_error_code_has_a_sentence_in_every_language() -> None:
    found = [(code, place) for code, place in codes() if not code.startswith(ELSEWHERE)]
    assert len(found) > 50
    for locale in LOCALES:
        missing = sorted(
            {f"{code} ({place})" for code, place in found if f"errors.{code}" not in messages(locale)}
        )
        assert missing == []
