"""The pages are built again when something they are made of changed, and only then."""

import json
import subprocess
from pathlib import Path

import pytest

from app.embedded.frontend import Frontend, build_environment


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in {
        "app/app.py": "app",
        "app/components/canvas/canvas.tsx": "canvas",
        "assets/style.css": "css",
        "reflex.lock/bun.lock": "lock",
        "reflex.lock/package.json": '{"name": "reflex"}',
        "rxconfig.py": "config",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def built(root: Path) -> Frontend:
    frontend = Frontend(root)
    (root / ".web/build/client").mkdir(parents=True)
    (root / ".web/build/client/index.html").write_text("page")
    (root / ".web/build/inputs.json").write_text(json.dumps({"fingerprint": frontend.fingerprint()}))
    return frontend


def test_never_built_is_not_current(root: Path) -> None:
    assert not Frontend(root).current()


@pytest.mark.parametrize(
    "name",
    [
        "app/app.py",
        "app/components/canvas/canvas.tsx",
        "assets/style.css",
        "rxconfig.py",
        "reflex.lock/bun.lock",
    ],
)
def test_a_changed_input_is_noticed(root: Path, name: str) -> None:
    frontend = built(root)
    assert frontend.current()
    (root / name).write_text("changed")
    assert not frontend.current()


def test_a_renamed_input_is_noticed(root: Path) -> None:
    frontend = built(root)
    (root / "assets/style.css").rename(root / "assets/other.css")
    assert not frontend.current()


def test_what_the_build_itself_leaves_is_no_input(root: Path) -> None:
    frontend = built(root)
    for name in ("assets/external/canvas.tsx", "app/__pycache__/app.cpython-311.pyc", "app/notes.md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("made")
    assert frontend.current()


def test_a_lost_or_damaged_build_is_not_current(root: Path) -> None:
    frontend = built(root)
    (root / ".web/build/inputs.json").write_text("[")
    assert not frontend.current()
    built_again = json.dumps({"fingerprint": frontend.fingerprint()})
    (root / ".web/build/inputs.json").write_text(built_again)
    (root / ".web/build/client/index.html").unlink()
    assert not frontend.current()


def test_the_registry_of_this_machine_is_used(tmp_path: Path) -> None:
    (tmp_path / ".npmrc").write_text("audit=false\nregistry=https://packages.example/npm/\n")
    environment = build_environment({"HOME": str(tmp_path), "PATH": "", "__REFLEX_SKIP_COMPILE": "true"})
    assert environment["NPM_CONFIG_REGISTRY"] == "https://packages.example/npm/"
    assert "__REFLEX_SKIP_COMPILE" not in environment
    given = build_environment({"HOME": str(tmp_path), "NPM_CONFIG_REGISTRY": "https://own.example/"})
    assert given["NPM_CONFIG_REGISTRY"] == "https://own.example/"


def test_another_layout_of_the_package_list_is_no_change(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh checkout stays clean after its first build, and its second start builds nothing."""
    packages = root / "reflex.lock/package.json"

    def export(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        packages.write_text('{\n  "name":   "reflex"\n}')
        (root / "reflex.lock/bun.lock").write_text("locked anew")
        (root / ".web/build/client").mkdir(parents=True)
        (root / ".web/build/client/index.html").write_text("page")
        return subprocess.CompletedProcess([], 0)

    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "https://packages.example/")
    monkeypatch.setattr(subprocess, "run", export)
    frontend = Frontend(root)
    frontend.build()
    assert packages.read_text() == '{"name": "reflex"}'
    assert frontend.current()
