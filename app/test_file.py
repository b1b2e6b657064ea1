"""`python -m app test FILE`: run the tests of a flow file. No database, no key, no network. Exit code 1 when one fails."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.console import fail, sentence
from app.errors import AppError, Invalid
from app.flows import codec, testing
from app.flows.check import check
from app.flows.document import Flow
from app.flows.drive import drive
from app.flows.memory import MemoryJournal, MemorySink
from app.flows.node_type import Message
from app.flows.perform import make_perform
from app.flows.plan import compile
from app.flows.ports import StepRequest
from app.nodes.catalog import CATALOG

_RUN = "test"


class CannotTest(Invalid):
    code = "cli.cannot_test"


class _Channel:
    """Takes messages; they are in the run's result."""

    def __init__(self, key: str) -> None:
        self._key = key

    async def send(self, text: str, buttons: Any = (), to: str | None = None) -> Message:
        return Message(id=self._key, text=text, buttons=[dict(button) for button in buttons])

    async def opted_out(self) -> bool:
        return False

    async def opt_out(self) -> None:
        """Nobody is told."""


async def run_test(flow: Flow, test: testing.FlowTest) -> list[testing.Mismatch]:
    """What came out other than expected."""
    plan, journal = compile(flow, CATALOG), MemoryJournal()
    wanted = "trigger.chat" if test.chat else "trigger.call"
    triggers = [node.id for node in flow.nodes if node.type.startswith("trigger.")]
    trigger = next((node.id for node in flow.nodes if node.type == wanted), triggers[0])
    state = {name: each.get("default") for name, each in flow.state.items() if "default" in each} | test.state
    started: Any = {
        "type": "run.started",
        "trigger": trigger,
        "input": test.input,
        "scope": {"conversation": {"id": _RUN}} if test.chat else {},
        "state": state,
        "at": datetime.now(UTC).isoformat(),
    }
    journal.runs[_RUN] = [started]

    def bindings(request: StepRequest) -> dict[str, Any]:
        return {"channel": _Channel(request.idempotency_key)}

    perform = testing.canned(make_perform(plan, bindings, simulate=True), test.answers)
    await drive(plan, _RUN, journal, MemorySink(), perform, lambda: datetime.now(UTC))
    return testing.judge(plan, test.expect, journal.runs[_RUN])


def main(path: Path) -> int:
    try:
        flow = codec.load(path.read_bytes())
        problems = [each for each in check(flow, CATALOG) if each.severity == "error"]
        if problems:
            raise CannotTest("cli.test_has_problems", count=len(problems), file=str(path))
        for index, reason in testing.faults(flow.tests):
            raise CannotTest("cli.test_malformed", index=index, reason=reason)
    except AppError as error:
        fail(error)
    failed = 0
    for test in testing.read_tests(flow.tests):
        wrong = asyncio.run(run_test(flow, test))
        failed += bool(wrong)
        sys.stdout.write(sentence("cli.test_failed" if wrong else "cli.test_passed", name=test.name) + "\n")
        for each in wrong:
            expected, found = (
                json.dumps(value, ensure_ascii=False)[:500] for value in (each.expected, each.found)
            )
            sys.stdout.write(
                sentence("cli.test_mismatch", what=each.what, expected=expected, found=found) + "\n"
            )
    sys.stdout.write(sentence("cli.tests_done", passed=len(flow.tests) - failed, failed=failed) + "\n")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
