"""The root of every error this product raises on purpose.

AppError
├── NotFound, Conflict, Invalid, Denied, Unauthenticated, TooLarge, TooMany
└── subclasses beside the code that raises them

An error carries a stable `code`, an HTTP status and typed context, never a sentence: the sentence is
looked up by code (`errors.<code>` in the locales) in the reader's language at the edge.
"""

from typing import Any, ClassVar


class AppError(Exception):
    """An expected failure. `context` holds JSON values that fill the sentence and locate the fault."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(self, code: str | None = None, /, **context: Any) -> None:
        self.error_code = code or self.code
        self.context = context
        super().__init__(f"{self.error_code} {context}" if context else self.error_code)


class NotFound(AppError):
    code, status = "not_found", 404


class Conflict(AppError):
    code, status = "conflict", 409


class Invalid(AppError):
    code, status = "invalid", 422


class BadRequest(AppError):
    code, status = "bad_request", 400


class Denied(AppError):
    code, status = "denied", 403


class Unauthenticated(AppError):
    code, status = "unauthenticated", 401


class TooLarge(AppError):
    code, status = "too_large", 413


class TooMany(AppError):
    code, status = "too_many_requests", 429


class Unavailable(AppError):
    code, status = "unavailable", 503
