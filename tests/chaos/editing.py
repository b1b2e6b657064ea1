"""Two editors of one flow under random edits, lost connections, reloads and crashed tabs, and what must hold afterwards.

`python -m tests.chaos.editing --edits 2000 --seed 7` (or `make fuzz`) starts a product and a Chromium of its own. In
the end both tabs and the server have the same bytes, and every edit an editor accepted is in the server's log or told
to its author as one that could not be kept.
"""

import argparse
import json
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from os import environ
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

from app.flows import codec
from tests.e2e.conftest import BROWSER_OPTIONS, Stack, start, stop

EDITS = (Path(__file__).parent / "edits.js").read_text()
# What the page's store holds: the document as its person sees it, how many edits wait, and those set aside.
LOOK = """() => {
  const root = document.querySelector(".pm-frame");
  for (let fiber = root[Object.keys(root).find((key) => key.startsWith("__reactFiber$"))]; fiber; fiber = fiber.return) {
    const store = fiber.memoizedProps?.value?.store;
    if (store?.dispatch) {
      const { flow, waiting, asides, saveState } = store.getSnapshot();
      return { flow, waiting, asides, saveState };
    }
  }
}"""
_AGREE_WITHIN_S = 60.0


@dataclass
class Tab:
    """One person's browser with the flow open. `context` is all that survives a crash of the page."""

    name: str
    context: BrowserContext
    url: str
    page: Page
    offline: bool = False

    def open(self) -> None:
        self.page.goto(self.url)
        expect(self.page.locator(".pm-card, .pm-empty-canvas").first).to_be_visible(timeout=60_000)

    def connect(self, *, offline: bool) -> None:
        self.offline = offline
        self.context.set_offline(offline)

    def reload(self) -> None:
        if self.offline:  # the page cannot come back; the person tries again once there is a connection
            with suppress(Error):
                self.page.reload()
            self.connect(offline=False)
        self.open()

    def crash(self) -> None:
        """The tab's process dies in the middle of everything; the person opens another tab."""
        with suppress(Error):
            self.page.goto("chrome://crash", timeout=5_000)
        with suppress(Error):
            self.page.close()
        self.connect(offline=False)
        self.page = self.context.new_page()
        self.open()


@dataclass
class Found:
    """What came of it. `wrong` is empty when all held."""

    edits: int = 0
    marks: list[str] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    told: int = 0
    revision: int = 0
    wrong: list[str] = field(default_factory=list)


def fuzz(tabs: list[Tab], flow_id: str, edits: int, seed: int) -> Found:
    """Edit in turns, with trouble in between, then let all tabs come to rest and compare."""
    dice, found = random.Random(seed), Found()
    while found.edits < edits:
        tab = dice.choice(tabs)
        count = min(dice.randint(1, 12), edits - found.edits)
        found.marks += tab.page.evaluate(
            EDITS, {"seed": dice.randrange(1, 2**31), "count": count, "tab": tab.name}
        )
        found.edits += count
        _trouble(tab, dice, found)
    for tab in tabs:
        tab.connect(offline=False)
    _compare(tabs, flow_id, found)
    return found


def _trouble(tab: Tab, dice: random.Random, found: Found) -> None:
    trouble = dice.choices(("none", "offline", "online", "reload", "crash"), (60, 14, 14, 6, 6))[0]
    if trouble in ("offline", "online"):
        tab.connect(offline=trouble == "offline")
    elif trouble == "reload":
        tab.reload()
    elif trouble == "crash":
        tab.crash()
    found.events[trouble] += 1


def _compare(tabs: list[Tab], flow_id: str, found: Found) -> None:
    request = tabs[0].page.request
    deadline = time.monotonic() + _AGREE_WITHIN_S
    while True:
        looks = [tab.page.evaluate(LOOK) for tab in tabs]
        server = request.get(f"/api/flows/{flow_id}/export").text()
        documents = [codec.dump(codec.parse(look["flow"])) for look in looks]
        quiet = all(look["saveState"] == "saved" and look["waiting"] == 0 for look in looks)
        if (quiet and all(each == server for each in documents)) or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    for tab, look, document in zip(tabs, looks, documents, strict=True):
        if look["saveState"] != "saved":
            found.wrong.append(f"{tab.name}: {look['saveState']}, {look['waiting']} edits wait")
        if document != server:
            found.wrong.append(f"{tab.name}: another document than the server's")
    log = _log(request, flow_id)
    found.revision = len(log)
    told = json.dumps([look["asides"] for look in looks])
    found.told = sum(len(look["asides"]) for look in looks)
    kept = json.dumps(log)
    lost = [mark for mark in found.marks if mark not in kept and mark not in told]
    if lost:
        found.wrong.append(f"{len(lost)} edits are lost: {lost[:10]}")
    ids = Counter(edit["op_id"] for edit in log)
    if repeated := [op_id for op_id, times in ids.items() if times > 1]:
        found.wrong.append(f"taken more than once: {repeated[:5]}")


def _log(request: Any, flow_id: str) -> list[Any]:
    edits: list[Any] = []
    while True:
        after = edits[-1]["revision"] if edits else 0
        answer = request.get(f"/api/flows/{flow_id}/operations?since={after}").json()
        edits += answer["operations"]
        if not answer["operations"] or edits[-1]["revision"] >= answer["revision"]:
            return edits


def two_tabs(browser: Browser, stack: Stack, state: Path) -> tuple[list[Tab], str]:
    """A fresh flow, open in two browsers of the signed-in person. Gives its id as well."""
    contexts = [browser.new_context(base_url=stack.url, locale="en-US", storage_state=state) for _ in "ab"]
    answer = contexts[0].request.post(
        "/api/flows", data={"kind": "task", "name": "Fuzz"}, headers={"origin": stack.url}
    )
    assert answer.ok, answer.text()
    flow_id: str = answer.json()["id"]
    tabs = [
        Tab(name, context, f"/flows/{flow_id}", context.new_page())
        for name, context in zip("ab", contexts, strict=True)
    ]
    for tab in tabs:
        tab.open()
    return tabs, flow_id


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def report(found: Found, seed: int) -> None:
    trouble = ", ".join(f"{name} {count}" for name, count in sorted(found.events.items()) if name != "none")
    say(
        f"seed {seed}: {found.edits} edits in two tabs, {len(found.marks)} of them marked; trouble: {trouble}"
    )
    say(f"{found.revision} edits on the server, {found.told} told to their authors as not kept")
    for each in found.wrong:
        say(f"WRONG {each}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    executable = environ.get("CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        stack = start(Path(folder) / "data")
        browser = playwright.chromium.launch(executable_path=executable, args=BROWSER_OPTIONS)
        try:
            tabs, flow_id = two_tabs(browser, stack, _signed_in(browser, stack, Path(folder)))
            found = fuzz(tabs, flow_id, options.edits, options.seed)
        finally:
            browser.close()
            stop(stack)
    report(found, options.seed)
    return int(bool(found.wrong))


def _signed_in(browser: Browser, stack: Stack, folder: Path) -> Path:
    context = browser.new_context(base_url=stack.url, locale="en-US")
    page = context.new_page()
    page.goto("/login")
    page.get_by_test_id("email").fill(stack.demo[0])
    page.get_by_test_id("password").fill(stack.demo[1])
    page.get_by_test_id("submit").click()
    page.wait_for_url(re.compile("/flows$"))
    context.storage_state(path=folder / "state.json")
    context.close()
    return folder / "state.json"


if __name__ == "__main__":
    sys.exit(main())
