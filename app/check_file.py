"""`python -m app check FILE`: every problem of a flow file, one a line. Exit code 1 when it cannot run."""

import sys
from pathlib import Path

from app.console import fail, locale, sentence
from app.errors import AppError
from app.flows import codec
from app.flows.check import Problem, check
from app.i18n import t
from app.nodes.catalog import CATALOG


def line(problem: Problem) -> str:
    place = ".".join(filter(None, (problem.node or problem.edge, problem.param)))
    return sentence(
        "cli.problem",
        severity=sentence(f"cli.{problem.severity}"),
        place=place or sentence("cli.whole_flow"),
        message=t(f"problem.{problem.code}", locale(), **problem.context),
    )


def main(path: Path) -> int:
    try:
        problems = check(codec.load(path.read_bytes()), CATALOG)
    except AppError as error:
        fail(error)
    for problem in problems:
        sys.stdout.write(line(problem) + "\n")
    if not problems:
        sys.stdout.write(sentence("cli.no_problems") + "\n")
    return int(any(problem.severity == "error" for problem in problems))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
