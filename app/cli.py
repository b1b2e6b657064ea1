"""The command line: each command reads the settings, then starts one thing. Failures are one sentence and a code.

Exit codes: 0 done, 1 the flow has problems or its run failed, 2 the command cannot do its work.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import typer

from app.console import fail, say, sentence
from app.core.settings import Settings, get_settings
from app.embedded.frontend import Frontend
from app.errors import AppError
from app.instance import run_file, serve

ROOT = Path(__file__).parent.parent

app = typer.Typer(
    help=sentence("cli.help"), add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False
)


@app.command(help=sentence("cli.help.up"))
def up() -> None:
    raise SystemExit(serve(ROOT, get_settings()))


@app.command(help=sentence("cli.help.web"))
def web() -> None:
    settings = get_settings()
    settings.require()
    arguments = ["--factory", "app.app:app", "--host", settings.host, "--port", str(settings.port)]
    arguments += ["--log-level", settings.log_level, "--no-access-log", "--timeout-graceful-shutdown", "3"]
    _become("uvicorn", arguments, settings)


@app.command(help=sentence("cli.help.worker"))
def worker() -> None:
    settings = get_settings()
    settings.require()
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("dramatiq_worker_timeout", str(settings.worker.poll_ms))
    arguments = ["workers.main", "--processes", str(settings.worker.processes)]
    arguments += ["--threads", str(settings.worker.threads), "--worker-shutdown-timeout", "15000"]
    _become("dramatiq", arguments, settings)


@app.command(help=sentence("cli.help.migrate"))
def migrate() -> None:
    settings = get_settings()
    settings.require("database_url")
    _become("alembic", ["upgrade", "head"], settings)


@app.command(help=sentence("cli.help.build"))
def build() -> None:
    Frontend(ROOT).build()


@app.command(help=sentence("cli.help.run"))
def run(file: Path, input_json: str = typer.Option("{}", "--input", help=sentence("cli.help.input"))) -> None:
    flow = _json_object(_text(file), "cli.file_not_json", file=str(file))
    done = run_file(ROOT, get_settings(), flow, _json_object(input_json, "cli.input_not_json"))
    shown = {name: done.get(name) for name in ("status", "output", "messages", "error", "usage")}
    typer.echo(json.dumps(shown, ensure_ascii=False, indent=2))
    if done["status"] != "succeeded":
        say("cli.run_ended", status=done["status"])
        raise SystemExit(1)


@app.command(help=sentence("cli.help.check"))
def check(file: Path) -> None:
    _text(file)
    _become("app.check_file", [str(file.absolute())], get_settings())


@app.command(help=sentence("cli.help.test"))
def test(file: Path) -> None:
    _text(file)
    _become("app.test_file", [str(file.absolute())], get_settings())


class CommandError(AppError):
    """What a person typed cannot be used."""

    code, status = "cli.unusable", 400


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(
            "cli.file_unreadable", file=str(file), reason=error.strerror or str(error)
        ) from None
    except UnicodeDecodeError:
        raise CommandError("cli.file_unreadable", file=str(file), reason="UTF-8") from None


def _json_object(text: str, code: str, **context: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise CommandError(code, reason=str(error), **context) from None
    if not isinstance(value, dict):
        raise CommandError(code, reason=type(value).__name__, **context)
    return value


def _become(module: str, arguments: list[str], settings: Settings) -> NoReturn:
    """Go on as another program in this very process, so that signals and the exit code are its own.

    What `.env` said travels along in the environment.
    """
    given = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "DATA_DIR": str(settings.data_dir.absolute()),
    }
    os.environ.update({name: value for name, value in given.items() if value})
    os.chdir(ROOT)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 - no shell is the point


def main() -> NoReturn:
    """Run a command; turn every expected failure into a sentence and exit code 2."""
    try:
        app()
    except AppError as error:
        fail(error)
    except KeyboardInterrupt:
        say("cli.stopped")
        sys.exit(130)
    sys.exit(0)
