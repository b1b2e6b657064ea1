"""The interactive documentation, served from a package: it works where no CDN can be reached."""

from importlib.resources import files
from typing import Final

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse, Response

from app.errors import NotFound

router = APIRouter(prefix="/api/docs", include_in_schema=False)
_RESOURCES: Final = files("fastapi_swagger.resources")
_TYPES: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}


@router.get("")
def page() -> HTMLResponse:
    return get_swagger_ui_html(
        openapi_url="/api/openapi.json",
        title="Prometey API",
        swagger_js_url="/api/docs/swagger-ui-bundle.js",
        swagger_css_url="/api/docs/swagger-ui.css",
        swagger_favicon_url="/api/docs/favicon-32x32.png",
        swagger_ui_parameters={"persistAuthorization": True, "displayRequestDuration": True},
    )


@router.get("/{name}")
def resource(name: str) -> Response:
    """One of the page's own files."""
    if name not in _TYPES:
        raise NotFound
    headers = {"cache-control": "public, max-age=86400"}
    return Response(_RESOURCES.joinpath(name).read_bytes(), headers=headers, media_type=_TYPES[name])
