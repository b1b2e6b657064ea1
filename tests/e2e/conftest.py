"""One running product and one Chromium for all browser tests; a fresh page for each."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from app.embedded.data_dir import free_port

ROOT = Path(__file__).parent.parent.parent
READY_WITHIN_S = 300
BROWSER_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
VIEWPORT = {"width": 1440, "height": 900}


@dataclass(frozen=True, slots=True)
class Stack:
    """A product started by `python -m app up`. `demo` is the e-mail and password it printed."""

    url: str
    data_dir: Path
    process: subprocess.Popen[bytes]
    demo: tuple[str, str]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests run last, on one xdist worker, so that they share the running product."""
    here = Path(__file__).parent
    browser_tests = [item for item in items if here in item.path.parents]
    for item in browser_tests:
        item.add_marker(pytest.mark.xdist_group("e2e"))
        item.add_marker(pytest.mark.timeout(READY_WITHIN_S + 180))
    items[:] = [item for item in items if here not in item.path.parents] + browser_tests


def start(data_dir: Path) -> Stack:
    """Start a product on a free port and its own data folder, and wait until it is ready."""
    output = data_dir.with_name("output.log")
    port = free_port()
    unwanted = {"DATABASE_URL", "REDIS_URL", "SECRET_KEYS", "PUBLIC_URL", "DEMO_LLM_URL"}
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    (data_dir / "endpoints.json").unlink(missing_ok=True)
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "up"],
            cwd=ROOT,
            env={
                "HTTP_ALLOWED_HOSTS": "127.0.0.1",  # servers of the tests themselves
                **environment,
                "PORT": str(port),
                "DATA_DIR": str(data_dir),
                "LANG": "en",
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    deadline = time.monotonic() + READY_WITHIN_S
    while not (data_dir / "endpoints.json").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"The product did not start:\n{output.read_text()}")
        time.sleep(0.1)
    password = json.loads((data_dir / "secrets.json").read_text())["demo_password"]
    return Stack(f"http://127.0.0.1:{port}", data_dir, process, ("demo@example.com", password))


def stop(stack: Stack) -> None:
    """What Ctrl-C does. The exit code says whether everything went down in order."""
    stack.process.send_signal(signal.SIGINT)
    assert stack.process.wait(60) == 0, stack.data_dir.with_name("output.log").read_text()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = start(tmp_path_factory.mktemp("product") / "data")
    yield running
    stop(running)


@pytest.fixture(scope="session")
def base_url(stack: Stack) -> str:
    return stack.url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    named = os.environ.get("CHROMIUM")
    found = (
        named or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=BROWSER_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def signed_in(browser: Browser, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The storage state of the demo person, signed in once through the form."""
    path = tmp_path_factory.mktemp("browser") / "state.json"
    context = browser.new_context(base_url=stack.url, locale="en-US", viewport=VIEWPORT)
    page = context.new_page()
    page.goto("/login")
    page.get_by_test_id("email").fill(stack.demo[0])
    page.get_by_test_id("password").fill(stack.demo[1])
    page.get_by_test_id("submit").click()
    page.wait_for_url("**/flows")
    context.storage_state(path=path)
    context.close()
    return path


@pytest.fixture
def page(browser: Browser, base_url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of a stranger."""
    context = browser.new_context(base_url=base_url, locale="en-US", viewport=VIEWPORT, accept_downloads=True)
    yield from _watched(context, request.node.name)


@pytest.fixture
def demo_page(
    browser: Browser, base_url: str, signed_in: Path, request: pytest.FixtureRequest
) -> Iterator[Page]:
    """A page of the signed-in demo person."""
    context = browser.new_context(
        base_url=base_url, locale="en-US", viewport=VIEWPORT, accept_downloads=True, storage_state=signed_in
    )
    yield from _watched(context, request.node.name)


def _watched(context: BrowserContext, test_name: str) -> Iterator[Page]:
    """Any uncaught error of a page fails its test; the last picture is kept for whoever reads the failure."""
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    page = context.new_page()
    yield page
    pictures = ROOT / "test-results"
    pictures.mkdir(exist_ok=True)
    if not page.is_closed():
        page.screenshot(path=pictures / f"{test_name.replace('/', '_')}.png")
        page.goto("about:blank")  # closing amid a navigation can hang Chromium
    context.close()
    assert not errors, errors
