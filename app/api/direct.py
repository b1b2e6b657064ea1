"""A route that is called so often that FastAPI's resolving of dependencies is felt: a quarter of a chat request."""

from collections.abc import Callable, Coroutine
from typing import Any, get_type_hints
from uuid import UUID

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import Response

from app.api import deps


class DirectRoute(APIRoute):
    """For an endpoint that takes `body` (a model) and `caller`, the request and ids in its path if it wants them, and
    nothing else, and answers with a `Response`.

    What is wrong with a request is left to FastAPI to say, so that errors and documentation are those of any route.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        resolved, endpoint = super().get_route_handler(), self.endpoint
        wanted: dict[str, Any] = get_type_hints(endpoint)
        model: type[BaseModel] = wanted["body"]
        ids = [name for name, kind in wanted.items() if kind is UUID]

        async def handle(request: Request) -> Response:
            try:
                given: dict[str, Any] = {name: UUID(request.path_params[name]) for name in ids}
                given["body"] = model.model_validate_json(await request.body())
            except ValueError:
                return await resolved(request)
            if "json" not in request.headers.get("content-type", "json"):
                return await resolved(request)
            given["caller"] = await deps.principal(request, await deps.optional_principal(request))
            if "request" in wanted:
                given["request"] = request
            answer: Response = await endpoint(**given)
            return answer

        return handle
