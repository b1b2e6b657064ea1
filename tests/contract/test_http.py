"""Outgoing HTTP against real servers on this machine: what flows may reach, and how much they may read."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from app.capabilities import HttpRequest
from app.embedded.data_dir import free_port
from app.flows.node_type import ErrorKind, NodeError
from app.integrations.http import AioHttp, is_public


class Server:
    """A web server on loopback that tells what it was asked."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.port = 0

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    async def echo(self, request: web.Request) -> web.Response:
        told = {
            "method": request.method,
            "path": request.path,
            "query": dict(request.query),
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": await request.text(),
        }
        self.seen.append(told)
        return web.json_response(told)

    async def redirect(self, request: web.Request) -> web.Response:
        return web.Response(
            status=int(request.query.get("as", "302")), headers={"Location": request.query["to"]}
        )

    async def again(self, request: web.Request) -> web.Response:
        raise web.HTTPFound("/again")

    async def large(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(64):
            await response.write(b"x" * 65_536)
        return response

    async def bomb(self, request: web.Request) -> web.Response:
        return web.Response(body=gzip.compress(b"0" * 5_000_000), headers={"Content-Encoding": "gzip"})

    async def hang(self, request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async def drip(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(200):
            await response.write(b"x")
            await asyncio.sleep(0.05)
        return response

    async def strange(self, request: web.Request) -> web.Response:
        return web.Response(body=b"caf\xe9", headers={"Content-Type": "text/plain; charset=martian"})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_get("/redirect", server.redirect)
    app.router.add_post("/redirect", server.redirect)
    app.router.add_get("/again", server.again)
    app.router.add_get("/large", server.large)
    app.router.add_get("/bomb", server.bomb)
    app.router.add_get("/hang", server.hang)
    app.router.add_get("/drip", server.drip)
    app.router.add_get("/strange", server.strange)
    app.router.add_route("*", "/{rest:.*}", server.echo)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    server.port = free_port()
    await web.TCPSite(runner, "127.0.0.1", server.port).start()
    yield server
    await runner.cleanup()


@pytest.fixture
async def allowed(server: Server) -> AsyncIterator[AioHttp]:
    """A client that may reach this server by its number, and nothing else that is private."""
    client = AioHttp({f"127.0.0.1:{server.port}"}, timeout_s=0.5)
    yield client
    await client.close()


@pytest.fixture
async def strict() -> AsyncIterator[AioHttp]:
    client = AioHttp()
    yield client
    await client.close()


async def refusal(client: AioHttp, url: str, **options: Any) -> NodeError:
    with pytest.raises(NodeError) as caught:
        await client.send(HttpRequest("GET", url, **options))
    return caught.value


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0.0.0.0"])
async def test_this_machine_is_out_of_reach(server: Server, strict: AioHttp, host: str) -> None:
    error = await refusal(strict, server.url(host=host))
    expected = "http.bad_url" if host in ("127.1", "2130706433") else "http.blocked_address"
    assert error.code == expected
    assert server.seen == []


@pytest.mark.parametrize(
    "host",
    ["10.0.0.1", "192.168.1.1", "172.16.0.9", "169.254.169.254", "100.64.0.1", "[::1]", "[fe80::1]", "[fd00::1]",
     "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "224.0.0.1"],
)  # fmt: skip
async def test_private_addresses_are_out_of_reach(strict: AioHttp, host: str) -> None:
    assert (await refusal(strict, f"http://{host}/latest/meta-data")).code == "http.blocked_address"


def test_public_addresses_are_public() -> None:
    assert all(is_public(each) for each in ("8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::808:808"))


async def test_a_name_that_means_a_private_address_is_refused(
    server: Server, strict: AioHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A public-looking name in somebody's DNS may point inside; each look-up is judged, also the second one."""
    calls: list[str] = []

    async def look_up(loop: object, host: str, port: int, **_: object) -> list[tuple[Any, ...]]:
        calls.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.get_running_loop().__class__, "getaddrinfo", look_up)
    assert (await refusal(strict, server.url(host="rebind.example.com"))).code == "http.blocked_address"
    assert calls == ["rebind.example.com"]
    assert server.seen == []


async def test_an_allowed_host_is_reached(server: Server, allowed: AioHttp) -> None:
    request = HttpRequest("POST", server.url("/a"), {"q": "é"}, {"X-One": "1"}, json={"n": 1})
    answer = await allowed.send(request)
    assert answer.status == 200
    seen = server.seen[0]
    assert (seen["method"], seen["query"], seen["body"]) == ("POST", {"q": "é"}, '{"n":1}')
    assert seen["headers"]["content-type"] == "application/json"
    assert seen["headers"]["x-one"] == "1"


async def test_a_host_is_allowed_by_name_on_every_port(server: Server) -> None:
    client = AioHttp({"localhost"})
    assert (await client.send(HttpRequest("GET", server.url(host="localhost")))).status == 200
    await client.close()


async def test_a_redirect_inside_is_refused(server: Server, allowed: AioHttp) -> None:
    for inside in (
        "http://169.254.169.254/latest",
        f"http://localhost:{server.port}/secret",
        "http://[::1]/",
    ):
        error = await refusal(allowed, server.url("/redirect"), query={"to": inside})
        assert error.code == "http.blocked_address"
    assert server.seen == []


async def test_a_redirect_is_followed_without_secrets_to_others(server: Server) -> None:
    client = AioHttp({"127.0.0.1", "localhost"})
    secret = {"Authorization": "Bearer s3cret", "X-Kept": "1"}
    for host, carried in (("127.0.0.1", True), ("localhost", False)):
        query = {"to": server.url("/there", host=host)}
        await client.send(HttpRequest("GET", server.url("/redirect"), query, secret))
        seen = server.seen[-1]
        assert (seen["path"], "authorization" in seen["headers"]) == ("/there", carried)
        assert seen["headers"]["x-kept"] == "1"
    await client.close()


@pytest.mark.parametrize(("status", "method", "body"), [("303", "GET", ""), ("307", "POST", "text")])
async def test_a_redirect_keeps_or_drops_the_body(
    server: Server, allowed: AioHttp, status: str, method: str, body: str
) -> None:
    query = {"to": "/there", "as": status}
    await allowed.send(HttpRequest("POST", server.url("/redirect"), query, body="text"))
    assert (server.seen[-1]["method"], server.seen[-1]["body"]) == (method, body)


async def test_redirects_end(server: Server, allowed: AioHttp) -> None:
    assert (await refusal(allowed, server.url("/again"))).code == "http.too_many_redirects"


@pytest.mark.parametrize("path", ["/large", "/bomb"])
async def test_reading_stops_at_the_bound(server: Server, allowed: AioHttp, path: str) -> None:
    error = await refusal(allowed, server.url(path), max_bytes=100_000)
    assert (error.code, error.context["limit"]) == ("http.too_large", 100_000)


async def test_a_silent_server_times_out(server: Server, allowed: AioHttp) -> None:
    error = await refusal(allowed, server.url("/hang"))
    assert (error.kind, error.code) == (ErrorKind.TIMEOUT, "http.timeout")


async def test_a_server_that_drips_times_out_too(server: Server) -> None:
    client = AioHttp({f"127.0.0.1:{server.port}"}, timeout_s=5, total_s=0.4)
    error = await refusal(client, server.url("/drip"))
    assert (error.kind, error.code) == (ErrorKind.TIMEOUT, "http.timeout")
    await client.close()


async def test_nobody_there(allowed: AioHttp) -> None:
    client = AioHttp({"127.0.0.1"})
    error = await refusal(client, f"http://127.0.0.1:{free_port()}/")
    assert (error.kind, error.code) == (ErrorKind.UPSTREAM, "http.unreachable")
    await client.close()


async def test_a_name_nobody_knows(strict: AioHttp) -> None:
    assert (await refusal(strict, "http://nobody.invalid/")).code == "http.unresolvable"


@pytest.mark.parametrize(
    "url", ["", "example.com", "ftp://example.com", "file:///etc/passwd", "http://", "http://[::1"]
)
async def test_what_is_no_address(strict: AioHttp, url: str) -> None:
    assert (await refusal(strict, url)).code == "http.bad_url"


async def test_an_encoding_nobody_knows_is_read_as_utf8(server: Server, allowed: AioHttp) -> None:
    assert (await allowed.send(HttpRequest("GET", server.url("/strange")))).encoding == "utf-8"


async def test_an_unbound_credential_is_told(strict: AioHttp) -> None:
    error = await refusal(strict, "http://example.com", credential="crm")
    assert (error.kind, error.code, error.context["slot"]) == (
        ErrorKind.AUTH,
        "http.credential_unbound",
        "crm",
    )
