"""What the README tells a stranger to type works as it stands there."""

import re
import secrets
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_calls_from_a_terminal_answer(base_url: str) -> None:
    [script] = re.findall(r"```bash\n(BASE=.*?)```", README, re.DOTALL)
    script = script.replace("http://127.0.0.1:8000", base_url)
    script = script.replace("ann@example.com", f"ann-{secrets.token_hex(4)}@example.com")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "urn:prometey:problem" not in done.stdout
    assert done.stdout.count('"status":"succeeded"') == 3
    assert "event: run.succeeded" in done.stdout
    assert done.stdout.rstrip().endswith(
        (ROOT / "docs/examples/opening_hours.flow.json").read_text().rstrip()
    )


@pytest.mark.parametrize("path", re.findall(r"\]\((?!https?:)([^)#]+)\)", README))
def test_what_it_links_to_exists(path: str) -> None:
    assert (ROOT / path).exists()
