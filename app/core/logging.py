"""How every process writes its log: event names with ids bound once, never bodies, prompts or tokens."""

import logging
import sys

import structlog

from app.core.settings import get_settings


def configure(process: str) -> None:
    """Send structlog and the standard library's records to stderr in one shape. Call once at start."""
    settings = get_settings()
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), sort_keys=False)
    )
    formatted: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, last] if settings.log_json else [last]
    )
    structlog.configure(
        processors=[*shared, *formatted],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *formatted],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.INFO), force=True)
    structlog.contextvars.bind_contextvars(process=process)
