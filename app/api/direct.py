"""A route that is called so often that FastAPI's resolving of dependencies is felt: a quarter of a chat request."""

from collections.abc import Callable, Coroutine
from typing import Any, get_type_hints

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from app.api import deps


class DirectRoute(APIRoute):
    """For an endpoint that takes exactly `body` (a model) and `caller`, and answers with a `Response`.

    What is wrong with a request is left to FastAPI to say, so that errors and documentation are those of any route.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        resolved, endpoint = super().get_route_handler(), self.endpoint
        model: type[BaseModel] = get_type_hints(endpoint)["body"]

        async def handle(request: Request) -> Response:
            try:
                body = model.model_validate_json(await request.body())
            except ValidationError:
                return await resolved(request)
            if "json" not in request.headers.get("content-type", "json"):
                return await resolved(request)
            caller = await deps.principal(request, await deps.optional_principal(request))
            answer: Response = await endpoint(body=body, caller=caller)
            return answer

        return handle
