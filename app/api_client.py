"""Speaks the public API for the command line, as any other program would."""

import http.client
import json
import time
from typing import Any
from urllib.parse import urlsplit

from app.errors import AppError

_UNFINISHED = {"queued", "running"}


class ApiRefused(AppError):
    """The instance answered with a problem. `reason` is its own sentence."""

    code, status = "cli.api_refused", 502


class ApiSilent(AppError):
    code, status = "cli.api_silent", 502


def run_flow(
    url: str, account: tuple[str, str], flow: dict[str, Any], run_input: dict[str, Any]
) -> dict[str, Any]:
    """Sign in, run an inline flow, wait until it has ended or waits for a person. Returns the run."""
    signed_in = _call(url, "POST", "/api/auth/login", body={"email": account[0], "password": account[1]})
    token = signed_in["access_token"]
    run = _call(url, "POST", "/api/runs", token, {"flow": flow, "input": run_input, "wait": True})
    while run["status"] in _UNFINISHED:
        time.sleep(0.5)
        run = _call(url, "GET", f"/api/runs/{run['id']}", token)
    return run


def _call(
    url: str, method: str, path: str, token: str = "", body: dict[str, Any] | None = None
) -> dict[str, Any]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=600)
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    try:
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        answer = json.loads(response.read() or b"{}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ApiSilent(url=url, reason=str(error)) from None
    finally:
        connection.close()
    if response.status >= http.HTTPStatus.BAD_REQUEST:
        raise ApiRefused(reason=str(answer.get("detail") or answer.get("code") or response.status))
    result: dict[str, Any] = answer
    return result
