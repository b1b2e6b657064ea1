"""Nothing that a tool made is kept in the repository."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = re.compile(
    r"(^|/)(\.web|\.states|\.venv|\.prometey|node_modules|__pycache__|\.pytest_cache|\.mypy_cache|\.ruff_cache"
    r"|test-results)/|^assets/external/|\.(pyc|db|log|zip)$|(^|/)\.env$"
)


def test_no_generated_file_is_kept() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    assert [name for name in listed.stdout.splitlines() if GENERATED.search(name)] == []
