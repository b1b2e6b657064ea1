"""The server that the flows call: it echoes, fails on request, is slow, counts."""

import asyncio
from collections import Counter

from aiohttp import web

routes = web.RouteTableDef()
COUNTS = web.AppKey("counts", Counter[str])


def shop() -> web.Application:
    app = web.Application()
    app[COUNTS] = Counter()
    app.add_routes(routes)
    return app


@routes.route("*", "/echo/{id}")
async def echo(request: web.Request) -> web.Response:
    return web.json_response(
        {
            "method": request.method,
            "path": request.path,
            "q": request.query.get("q"),
            "x-test": request.headers.get("x-test"),
            "body": await request.json() if request.can_read_body else None,
        }
    )


@routes.route("*", "/text")
async def text(request: web.Request) -> web.Response:
    return web.Response(text=f"got {await request.text()}")


@routes.route("*", "/status/{code}")
async def status(request: web.Request) -> web.Response:
    return web.Response(status=int(request.match_info["code"]), text="as you wished")


@routes.route("*", "/flaky/{key}/{times}")
async def flaky(request: web.Request) -> web.Response:
    """Down so many times."""
    tries = _again(request)
    up = tries > int(request.match_info["times"])
    return web.json_response({"tries": tries}, status=200 if up else 503)


@routes.route("*", "/slow/{s}")
async def slow(request: web.Request) -> web.Response:
    await asyncio.sleep(float(request.match_info["s"]))
    return web.json_response({})


@routes.route("*", "/bytes/{n}")
async def many(request: web.Request) -> web.Response:
    return web.Response(text="x" * int(request.match_info["n"]))


@routes.route("*", "/count/{key}")
async def count(request: web.Request) -> web.Response:
    return web.json_response({"count": _again(request)})


def _again(request: web.Request) -> int:
    request.app[COUNTS][request.path] += 1
    return request.app[COUNTS][request.path]
