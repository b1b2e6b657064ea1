"""Flows: made, listed, replaced, put away, imported, exported and checked."""

from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from app.api.deps import Caller, Db, Locale
from app.errors import AppError, BadRequest
from app.flows.document import Kind
from app.schemas.flows import CheckView, CreateBody, FlowPage, FlowView
from app.services import flows

router = APIRouter(prefix="/api/flows", tags=["flows"])
_FLOW_BODY = {"schema": {"type": "object", "title": "flow/1"}}
_DOCUMENT: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/json": _FLOW_BODY}}}
_FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": _FLOW_BODY,
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
            },
        },
    }
}
_CREATE: dict[str, Any] = {
    "requestBody": {
        "content": {
            "application/json": {"schema": {"anyOf": [CreateBody.model_json_schema(), _FLOW_BODY["schema"]]}}
        }
    }
}


class RevisionRequired(AppError):
    code, status = "flow.revision_required", 428


@router.get("")
async def list_flows(
    caller: Caller,
    session: Db,
    search: Annotated[str, Query(max_length=200)] = "",
    kind: Kind | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> FlowPage:
    """The workspace's flows, the latest edited first."""
    return await flows.list_flows(session, caller, search=search, kind=kind, limit=limit, offset=offset)


@router.post("", status_code=201, openapi_extra=_CREATE)
async def create(request: Request, caller: Caller, session: Db, locale: Locale) -> FlowView:
    """An empty flow of a kind, one from a template, or the `flow/1` document that is sent."""
    raw = await request.body()
    body = _json(raw) if raw.strip() else {}
    if isinstance(body, dict) and "schema" in body:
        return await flows.import_text(session, caller, raw, locale)
    try:
        wanted = CreateBody.model_validate(body)
    except ValidationError as error:
        raise RequestValidationError(
            [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)]
        ) from None
    return await flows.create(session, caller, wanted, locale)


@router.post("/import", status_code=201, openapi_extra=_FILE)
async def import_flow(request: Request, caller: Caller, session: Db, locale: Locale) -> FlowView:
    """A flow from a `flow/1` file: the body itself, or a form with the file in it."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form(max_files=1, max_fields=10) as form:
            files = [value for value in form.values() if isinstance(value, UploadFile)]
            if not files:
                raise BadRequest("flow.no_file", path="body.file")
            return await flows.import_text(session, caller, await files[0].read(), locale)
    return await flows.import_text(session, caller, await request.body(), locale)


@router.post("/check", openapi_extra=_DOCUMENT)
async def check(request: Request, caller: Caller, locale: Locale) -> CheckView:
    """Every problem of a document. Nothing is stored."""
    return flows.check_text(caller, await request.body(), locale)


@router.get("/{flow_id}")
async def get(flow_id: UUID, response: Response, caller: Caller, session: Db, locale: Locale) -> FlowView:
    """A flow with its document and problems. The ETag is its revision."""
    return _tagged(response, await flows.get(session, caller, flow_id, locale))


@router.put("/{flow_id}", openapi_extra=_DOCUMENT)
async def replace(
    flow_id: UUID,
    request: Request,
    response: Response,
    caller: Caller,
    session: Db,
    locale: Locale,
    if_match: Annotated[str | None, Header(description="The revision this document was made from.")] = None,
) -> FlowView:
    """Put a whole `flow/1` document in place of the revision named by `If-Match` (`*`: whatever is there)."""
    if if_match is None:
        raise RevisionRequired(path="header.if-match")
    text = if_match.strip().removeprefix("W/").strip('"')
    if text != "*" and not (text.isascii() and text.isdigit()):
        raise RevisionRequired(path="header.if-match")
    revision = None if text == "*" else int(text)
    view = await flows.replace(session, caller, flow_id, await request.body(), revision, locale)
    return _tagged(response, view)


@router.delete("/{flow_id}", status_code=204)
async def delete(flow_id: UUID, caller: Caller, session: Db) -> None:
    """Put a flow away. `POST /api/flows/{id}/restore` brings it back."""
    await flows.delete(session, caller, flow_id)


@router.post("/{flow_id}/restore")
async def restore(flow_id: UUID, caller: Caller, session: Db, locale: Locale) -> FlowView:
    return await flows.restore(session, caller, flow_id, locale)


@router.post("/{flow_id}/duplicate", status_code=201)
async def duplicate(flow_id: UUID, caller: Caller, session: Db, locale: Locale) -> FlowView:
    return await flows.duplicate(session, caller, flow_id, locale)


@router.get("/{flow_id}/export")
async def export(flow_id: UUID, caller: Caller, session: Db) -> Response:
    """The `flow/1` file, byte for byte what was imported while nothing was changed."""
    file = await flows.export(session, caller, flow_id)
    disposition = f"attachment; filename=\"flow.json\"; filename*=UTF-8''{quote(file.filename)}"
    headers = {"content-disposition": disposition, "etag": f'"{file.revision}"'}
    return Response(file.text.encode(), headers=headers, media_type="application/json")


def _json(raw: bytes) -> object:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest("request.malformed_json", path="body", offset=error.pos, reason=error.msg) from None


def _tagged(response: Response, view: FlowView) -> FlowView:
    response.headers["etag"] = f'"{view.revision}"'
    return view
