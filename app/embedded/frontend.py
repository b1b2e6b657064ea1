"""The built pages: know whether they are current, build them with bun from its wheel when they are not."""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from app.embedded import launch
from app.embedded.data_dir import EmbeddedError

_INPUT_SUFFIXES = {
    ".py",
    ".ts",
    ".tsx",
    ".css",
    ".json",
    ".svg",
    ".png",
    ".woff2",
    ".ico",
    ".js",
    ".webmanifest",
}
_SINGLE_INPUTS = ("rxconfig.py", "requirements.txt")
_LOCK = "reflex.lock"


class Frontend:
    """The pages of the code in `root`; Reflex keeps the build in `.web`, the hash of its inputs lies beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._marker = root / ".web" / "build" / "inputs.json"
        self._index = root / ".web" / "build" / "client" / "index.html"

    def current(self) -> bool:
        """Whether the pages on disk were built from the code on disk."""
        return self._index.exists() and self._built_from() == self.fingerprint()

    def fingerprint(self) -> str:
        """A hash of everything the pages are built from: the code, and the locked packages."""
        return f"{self._digest('app', 'assets', *_SINGLE_INPUTS)}-{self._digest(_LOCK)}"

    def build(self) -> None:
        """Build the pages if they are not current. Builders in other processes wait for each other.

        What Reflex says goes to this process's output. Raises `EmbeddedError` when the build fails.
        """
        try:
            (self.root / ".web").mkdir(exist_ok=True)
            lock = (self.root / ".web" / "build.lock").open("a")
        except OSError as error:
            raise EmbeddedError(
                "embedded.code_dir_unusable", folder=str(self.root), reason=error.strerror or str(error)
            ) from None
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self.current():
                return
            code, package_text = self._digest("app", "assets", *_SINGLE_INPUTS), self._package_text()
            argv = [sys.executable, "-m", "reflex", "export", "--frontend-only", "--no-zip"]
            done = subprocess.run(  # noqa: S603 - our own argv
                launch.command(argv, on_parent_death=launch.TERMINATE),
                cwd=self.root,
                env=build_environment(os.environ),
                stdin=subprocess.DEVNULL,
                check=False,
            )
            if done.returncode != 0 or not self._index.exists():
                raise EmbeddedError("embedded.frontend_failed")
            self._keep_layout(package_text)
            # Reflex may have locked new packages meanwhile: the build has them, so they count as known.
            self._marker.write_text(json.dumps({"fingerprint": f"{code}-{self._digest(_LOCK)}"}))

    def _package_text(self) -> str:
        path = self.root / _LOCK / "package.json"
        return path.read_text() if path.exists() else ""

    def _keep_layout(self, before: str) -> None:
        """Reflex writes its package list back in another layout on a fresh checkout: undo what changes nothing."""
        after = self._package_text()
        if before and after != before and json.loads(before) == json.loads(after):
            (self.root / _LOCK / "package.json").write_text(before)

    def _built_from(self) -> str | None:
        try:
            found = json.loads(self._marker.read_text()).get("fingerprint")
        except (OSError, ValueError, AttributeError):
            return None
        return found if isinstance(found, str) else None

    def _digest(self, *names: str) -> str:
        digest = hashlib.sha256()
        for path in self._inputs(names):
            digest.update(str(path.relative_to(self.root)).encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
        return digest.hexdigest()[:32]

    def _inputs(self, names: tuple[str, ...]) -> Iterator[Path]:
        """The files of the named folders and the named files, as far as they can change the pages."""
        for name in names:
            place = self.root / name
            for path in [place] if place.is_file() else sorted(place.rglob("*")):
                parts = path.relative_to(self.root).parts
                if "__pycache__" in parts or parts[:2] == ("assets", "external"):
                    continue
                if path.is_file() and (path.suffix in _INPUT_SUFFIXES or parts[0] != "app"):
                    yield path


def serving_environment(*, pages: bool) -> dict[str, str]:
    """What the web process needs so that Reflex compiles nothing, and serves the built pages itself (or none)."""
    return {
        "REFLEX_ENV_MODE": "prod",
        "__REFLEX_SKIP_COMPILE": "true",
        "__REFLEX_MOUNT_FRONTEND_COMPILED_APP": "true" if pages else "false",
        "REFLEX_CHECK_LATEST_VERSION": "false",
    }


def build_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Reflex would look for its newest version and probe for the fastest package registry: spare it both."""
    result = {**environment, "REFLEX_CHECK_LATEST_VERSION": "false"}
    result.pop("__REFLEX_SKIP_COMPILE", None)
    registry = environment.get("NPM_CONFIG_REGISTRY") or _configured_registry(environment)
    if registry:
        result["NPM_CONFIG_REGISTRY"] = registry
    return result


def _configured_registry(environment: Mapping[str, str]) -> str | None:
    """The package registry this machine is set up for, as npm and bun would find it."""
    for file in (Path(environment.get("HOME", "/")) / ".npmrc", Path("/etc/npmrc")):
        try:
            found = re.search(r"^\s*registry\s*=\s*(\S+)", file.read_text(), re.MULTILINE)
        except OSError:
            continue
        if found:
            return found[1]
    npm = shutil.which("npm", path=environment.get("PATH"))
    if npm is None:
        return None
    answer = subprocess.run(  # noqa: S603 - found on the PATH
        [npm, "config", "get", "registry"], capture_output=True, text=True, check=False, timeout=20
    ).stdout.strip()
    return answer if answer.startswith("http") else None
