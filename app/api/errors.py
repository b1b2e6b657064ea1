"""Errors as `application/problem+json` (RFC 9457) in the reader's language, with a stable code and the place."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.errors import AppError
from app.i18n import find, negotiate

MEDIA_TYPE = "application/problem+json"
_CODES = {
    400: "bad_request",
    401: "unauthenticated",
    403: "denied",
    404: "not_found",
    405: "method_not_allowed",
}
_FIELDS = {
    "missing": "field.missing",
    "extra_forbidden": "field.extra_forbidden",
    "string_type": "field.string_type",
    "string_too_short": "field.string_too_short",
    "string_too_long": "field.string_too_long",
    "literal_error": "field.literal_error",
    "int_parsing": "field.int_parsing",
    "int_type": "field.int_type",
    "bool_parsing": "field.bool_parsing",
    "uuid_parsing": "field.uuid_parsing",
    "dict_type": "field.dict_type",
    "list_type": "field.list_type",
    "model_attributes_type": "field.model_attributes_type",
}
_log = structlog.get_logger()


class BodyTooLarge(HTTPException):
    """Raised while a body is read. FastAPI lets only its own exceptions through from there."""

    def __init__(self, limit: int) -> None:
        super().__init__(413)
        self.limit = limit


def problem(
    code: str,
    status: int,
    locale: str,
    context: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One problem. A list under `context["problems"]` is shown beside the sentence."""
    context = dict(context or {})
    problems = context.pop("problems", None)
    title = HTTPStatus(status).phrase
    body = {
        "type": f"urn:prometey:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": find(f"errors.{code}", locale, **context) or find("errors.unexplained", locale, code=code),
        "context": context,
    }
    if problems is not None:
        body["problems"] = problems
    return Response(orjson.dumps(body, default=str), status, headers, MEDIA_TYPE)


def locale_of(request: Request) -> str:
    return negotiate(request.headers.get("accept-language"))


async def _app_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, AppError):
        raise error
    headers = {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    if "retry_after_s" in error.context:
        headers["retry-after"] = str(error.context["retry_after_s"])
    return problem(error.error_code, error.status, locale_of(request), error.context, headers)


async def _http_exception(request: Request, error: Exception) -> Response:
    if isinstance(error, BodyTooLarge):
        return problem("request.too_large", 413, locale_of(request), {"limit": error.limit})
    if not isinstance(error, HTTPException):
        raise error
    code = _CODES.get(error.status_code, "internal" if error.status_code >= 500 else "bad_request")
    return problem(code, error.status_code, locale_of(request), {"path": request.url.path}, error.headers)


async def _invalid_request(request: Request, error: Exception) -> Response:
    """A body that is no JSON, a path that names nothing, or fields that do not fit; each with its place."""
    if not isinstance(error, RequestValidationError):
        raise error
    errors: Sequence[Mapping[str, Any]] = error.errors()
    first = errors[0]
    locale = locale_of(request)
    if first["type"] == "json_invalid":
        at = first["loc"][-1]
        context = {"path": "body", "offset": at, "reason": first.get("ctx", {}).get("error", "")}
        return problem("request.malformed_json", 400, locale, context)
    if all(each["loc"][0] == "path" for each in errors):
        return problem("not_found", 404, locale, {"path": request.url.path})
    fields = [_field(each, locale) for each in errors[:50]]
    context = {"path": fields[0]["path"], "reason": fields[0]["message"], "fields": fields}
    return problem("request.invalid", 422, locale, context)


def _field(error: Mapping[str, Any], locale: str) -> dict[str, Any]:
    kind = str(error["type"])
    known = {
        name: value for name, value in error.get("ctx", {}).items() if isinstance(value, str | int | float)
    }
    message = find(f"errors.{_FIELDS[kind]}", locale, **known) if kind in _FIELDS else error["msg"]
    return {"path": ".".join(map(str, error["loc"])), "code": kind, "message": message}


async def _database_away(request: Request, error: Exception) -> Response:
    _log.warning("database.away", error=type(error).__name__)
    return problem("unavailable", 503, locale_of(request), {"part": "postgresql"}, {"retry-after": "2"})


async def _unstorable(request: Request, error: Exception) -> Response:
    """PostgreSQL keeps no NUL in a text, and no number beyond its column."""
    return problem("request.invalid_text", 422, locale_of(request))


async def _bug(request: Request, error: Exception) -> Response:
    """Anything unexpected. Starlette raises the exception again afterwards, so the server logs it."""
    return problem("internal", 500, locale_of(request))


def install(api: FastAPI) -> None:
    """Answer every error of `api` with a problem."""
    api.add_exception_handler(AppError, _app_error)
    api.add_exception_handler(HTTPException, _http_exception)
    api.add_exception_handler(RequestValidationError, _invalid_request)
    api.add_exception_handler(OperationalError, _database_away)
    api.add_exception_handler(InterfaceError, _database_away)
    api.add_exception_handler(DataError, _unstorable)
    api.add_exception_handler(Exception, _bug)
