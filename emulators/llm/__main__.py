"""`python -m emulators.llm --port N`: serve the demo model until told to stop."""

import argparse
import sys

from aiohttp import web

from emulators.llm.server import application


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m emulators.llm", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--test-models", action="store_true", help="serve the models that fail, hang or echo on purpose"
    )
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    web.run_app(
        application(test_models=options.test_models),
        host=options.host,
        port=options.port,
        access_log=None,
        shutdown_timeout=2,
        handle_signals=True,
    )


if __name__ == "__main__":
    main()
