"""What providers and LiteLLM raise, as `NodeError` with a `model.*` code that says what to do."""

from types import ModuleType
from typing import Any

from app.flows.node_type import ErrorKind, NodeError
from app.integrations.llm.prices import key_variables
from app.integrations.llm.route import Route, unknown_model


def translate(module: ModuleType, error: Exception, route: Route) -> NodeError:
    """The one error a node may see for whatever went wrong in a model call."""
    if isinstance(error, NodeError):
        return error
    if isinstance(error, module.exceptions.MidStreamFallbackError) and error.original_exception:
        return translate(module, error.original_exception, route)
    timeouts = (TimeoutError, module.Timeout, module.exceptions.openai.APITimeoutError)
    if isinstance(error, timeouts):
        return _error(ErrorKind.TIMEOUT, "model.timeout", route)
    kind, code = _kind_and_code(module, error)
    if code == "model.unknown_model":
        return unknown_model(route.name, route.provider)
    context: dict[str, Any] = {}
    if code == "model.key_rejected":
        missing = _missing_keys(module, route)
        code = "model.missing_key" if missing else code
        context["env"] = ", ".join(missing or key_variables(route.provider))
    elif code in ("model.unavailable", "model.bad_request"):
        context["reason"] = _reason(error)
    return _error(kind, code, route, retry_after_s=_retry_after(error), **context)


def _kind_and_code(module: ModuleType, error: Exception) -> tuple[ErrorKind, str]:
    """By type, the narrow ones first: LiteLLM's classes inherit from each other."""
    table: tuple[tuple[type[Exception], ErrorKind, str], ...] = (
        (module.AuthenticationError, ErrorKind.AUTH, "model.key_rejected"),
        (module.PermissionDeniedError, ErrorKind.AUTH, "model.key_rejected"),
        (module.RateLimitError, ErrorKind.RATE_LIMITED, "model.rate_limited"),
        (module.ContextWindowExceededError, ErrorKind.INVALID_INPUT, "model.context_too_long"),
        (module.ContentPolicyViolationError, ErrorKind.POLICY, "model.refused"),
        (module.NotFoundError, ErrorKind.INVALID_INPUT, "model.unknown_model"),
        (module.BadRequestError, ErrorKind.INVALID_INPUT, "model.bad_request"),
        (module.UnprocessableEntityError, ErrorKind.INVALID_INPUT, "model.bad_request"),
    )
    for type_, kind, code in table:
        if isinstance(error, type_):
            return kind, code
    if "api_key" in str(error).lower() or "api key" in str(error).lower():
        return ErrorKind.AUTH, "model.key_rejected"
    return ErrorKind.UPSTREAM, "model.unavailable"


def _missing_keys(module: ModuleType, route: Route) -> list[str]:
    """Environment variables this provider needs and does not have."""
    found: dict[str, Any] = module.validate_environment(model=route.target)
    return [] if found.get("keys_in_environment") or route.demo else list(found.get("missing_keys") or [])


def _reason(error: Exception) -> str:
    """The provider's own words, without LiteLLM's class names in front."""
    text = str(getattr(error, "message", "") or error)
    while text.startswith("litellm.") and ": " in text:
        text = text.split(": ", 1)[1]
    return text[:300]


def _retry_after(error: Exception) -> float | None:
    response = getattr(error, "response", None)
    headers = getattr(error, "litellm_response_headers", None) or getattr(response, "headers", None) or {}
    wish = headers.get("retry-after", "")
    return float(wish) if str(wish).replace(".", "", 1).isdigit() else None


def _error(
    kind: ErrorKind, code: str, route: Route, retry_after_s: float | None = None, **context: Any
) -> NodeError:
    param = "model" if kind in (ErrorKind.AUTH, ErrorKind.INVALID_INPUT) else None
    return NodeError(
        kind,
        code,
        param=param,
        retry_after_s=retry_after_s,
        model=route.name,
        provider=route.provider,
        **context,
    )
