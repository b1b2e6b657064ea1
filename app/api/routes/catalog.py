"""The catalogue of node types, for the editor and for whoever writes flows by program."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response

from app.api.deps import Caller
from app.i18n import LOCALES, negotiate
from app.services.catalog import catalog_document

router = APIRouter(prefix="/api/catalog", tags=["catalog"])


@router.get("")
async def get_catalog(
    _caller: Caller,
    request: Request,
    locale: Annotated[str, Query(description="en or ru; by default what the browser asks for")] = "",
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """Node types with JSON Schemas of their params and outputs, models, and the editor's texts.

    Cached by ETag: ask again with `If-None-Match` and get 304 while nothing changed.
    """
    chosen = locale if locale in LOCALES else negotiate(request.headers.get("accept-language"))
    document = catalog_document(chosen)
    headers = {
        "ETag": f'"{document.hash}"',
        "Cache-Control": "private, no-cache",
        "Vary": "Accept-Language",
        "Content-Language": chosen,
    }
    if document.hash in if_none_match:
        return Response(status_code=304, headers=headers)
    return Response(document.body, media_type="application/json", headers=headers)
