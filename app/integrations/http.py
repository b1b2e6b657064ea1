"""Outgoing HTTP for flows: only public addresses, bounded size, bounded redirects.

A name is resolved once per hop and the connection goes to an address that was looked at, so a name that changes
its mind between check and use gains nothing. `http_allowed_hosts` names hosts that may be private.
"""

import asyncio
import codecs
import ipaddress
import socket
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver, ResolveResult

from app.capabilities import HttpRequest, HttpResponse
from app.flows.node_type import ErrorKind, NodeError

MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SECRETS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an IP address is on the public internet, also when an IPv4 one hides in an IPv6 one."""
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        else:
            ip = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


class Blocked(OSError):
    """Every address of this host is one that flows may not reach."""


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses alone, except for allowed hosts."""

    def __init__(self, allowed: Collection[str]) -> None:
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        free = _is_allowed(self._allowed, host, port)
        results = [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=found_family,
                proto=proto,
                flags=socket.AI_NUMERICHOST,
            )
            for found_family, _, proto, _, address in found
            if free or is_public(str(address[0]))
        ]
        if not results:
            raise Blocked(host)
        return results

    async def close(self) -> None:
        """Nothing is held."""


def _is_allowed(allowed: Collection[str], host: str, port: int | None) -> bool:
    name = host.lower().rstrip(".")
    return name in allowed or f"{name}:{port}" in allowed or f"[{name}]:{port}" in allowed


class AioHttp:
    """The `Http` of one process: one connection pool, no cookies, no proxy of the environment.

    `timeout_s` is how long a server may say nothing, `total_s` how long a call may take however much it says.
    """

    def __init__(
        self, allowed_hosts: Collection[str] = (), timeout_s: float = 60, total_s: float = 600
    ) -> None:
        self._total_s = total_s
        self._allowed = frozenset(host.lower() for host in allowed_hosts)
        self._timeout = aiohttp.ClientTimeout(total=None, connect=10, sock_connect=10, sock_read=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, request: HttpRequest) -> HttpResponse:
        """One call, redirects followed and each checked. Raises `NodeError` with an `http.*` code."""
        if request.credential:
            raise NodeError(
                ErrorKind.AUTH, "http.credential_unbound", param="credential", slot=request.credential
            )
        try:
            async with asyncio.timeout(self._total_s):
                return await self._follow(request)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _translate(error, request) from error

    async def _follow(self, request: HttpRequest) -> HttpResponse:
        method, url, headers, body = request.method, request.url, dict(request.headers), _body(request)
        headers.setdefault("User-Agent", "Prometey/1")
        if request.json is not None:
            headers.setdefault("Content-Type", "application/json")
        query: Mapping[str, str] = request.query
        for _ in range(MAX_REDIRECTS + 1):
            self._check(url)
            call = self._pool().request(
                method, url, params=query, headers=headers, data=body, allow_redirects=False
            )
            async with call as response:
                location = response.headers.get("Location")
                if response.status not in _REDIRECTS or not location:
                    return await _read(response, request.max_bytes)
            target = urljoin(str(response.url), location)
            if _origin(target) != _origin(url):
                headers = {name: value for name, value in headers.items() if name.lower() not in _SECRETS}
            if response.status == 303 or (response.status in (301, 302) and method == "POST"):
                method, body = "GET", None
                headers = {name: value for name, value in headers.items() if name.lower() != "content-type"}
            url, query = target, {}
        raise NodeError(
            ErrorKind.UPSTREAM, "http.too_many_redirects", param="url", url=request.url, limit=MAX_REDIRECTS
        )

    def _check(self, url: str) -> None:
        """Refuse what is no http address, and private addresses written as such (no name to resolve)."""
        parts = urlsplit(url)
        host = parts.hostname
        if parts.scheme not in ("http", "https") or not host:
            raise ValueError(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            public = is_public(host)
        except ValueError:
            return  # a name: the resolver looks at what it means
        if not public and not _is_allowed(self._allowed, host, port):
            raise Blocked(host)

    def _pool(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=PublicResolver(self._allowed), use_dns_cache=False, limit=200
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=self._timeout,
                trust_env=False,
            )
        return self._session


def _body(request: HttpRequest) -> bytes | None:
    if request.json is not None:
        return orjson.dumps(request.json)
    return request.body.encode() if request.body is not None else None


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> HttpResponse:
    """The answer, unpacked, stopped at the first byte too many."""
    body = bytearray()
    async for piece in response.content.iter_chunked(65_536):
        body += piece
        if len(body) > max_bytes:
            raise NodeError(
                ErrorKind.INVALID_INPUT,
                "http.too_large",
                param="max_bytes",
                url=str(response.url),
                limit=max_bytes,
            )
    headers = {name.lower(): value for name, value in response.headers.items()}
    return HttpResponse(response.status, headers, bytes(body), _encoding(response.charset))


def _encoding(named: str | None) -> str:
    """The named encoding if Python knows it."""
    try:
        return codecs.lookup(named or "utf-8").name
    except LookupError:
        return "utf-8"


def _translate(error: Exception, request: HttpRequest) -> NodeError:
    """What went wrong on the way, told about the address that was asked for."""
    context: dict[str, Any] = {"url": request.url[:200], "host": _host(request.url)}
    cause: BaseException = getattr(error, "os_error", None) or error
    if isinstance(cause, Blocked):
        return NodeError(
            ErrorKind.POLICY, "http.blocked_address", param="url", **context | {"host": str(cause)}
        )
    if isinstance(error, TimeoutError):
        return NodeError(ErrorKind.TIMEOUT, "http.timeout", param="url", **context)
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return NodeError(ErrorKind.INVALID_INPUT, "http.bad_url", param="url", **context)
    if isinstance(error, aiohttp.ClientConnectorDNSError | socket.gaierror):
        return NodeError(ErrorKind.UPSTREAM, "http.unresolvable", param="url", **context)
    return NodeError(ErrorKind.UPSTREAM, "http.unreachable", param="url", reason=str(error)[:200], **context)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
