"""HTTP requests that start flows: verified, stored once as a run, answered as the flow's trigger says."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import WorkspaceId
from app.errors import Denied, NotFound, Unauthenticated
from app.flows.document import Node
from app.flows.storable import DEEPEST
from app.models.flow_runs import FlowRun
from app.repositories.flow_runs import Triggered, triggered
from app.repositories.journal import load_events
from app.services import credentials, flow_runs, snapshots
from app.services.snapshots import Snapshot
from app.services.storable import NotStorable

_TYPE: Final = "trigger.webhook"
# What proves who calls, or belongs to one hop, is no business of the flow.
_HIDDEN: Final = frozenset(
    {"authorization", "cookie", "proxy-authorization", "x-signature", "x-hub-signature-256"}
)


class NoWebhook(NotFound):
    """No flow listens here, or not to this method."""

    code = "webhook.not_found"


class NotVerified(Unauthenticated):
    code = "webhook.not_verified"


class SecretMissing(Denied):
    """The flow's own credential is not there; the caller can do nothing about it."""

    code = "webhook.secret_missing"


@dataclass(frozen=True, slots=True)
class Incoming:
    """One request. `headers` have lower-case names."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Started:
    """The run a request started, or had started before; `reply` says what the caller waits for."""

    run_id: UUID
    workspace_id: WorkspaceId
    reply: str


async def receive(session: AsyncSession, flow_id: UUID, incoming: Incoming) -> Started:
    """Verify a request and queue its run. Raises `NoWebhook`, `NotVerified`.

    A repeat with the same `Idempotency-Key` gives the run of the first.
    """
    found = await triggered(session, flow_id)
    if found is None:
        raise NoWebhook(path=incoming.path)
    snapshot = snapshots.of(found.document, found.semantic_hash)
    node = _listener(snapshot, incoming)
    await _verify(session, found, node, incoming)
    key = incoming.headers.get("idempotency-key", "").strip()[:200]
    row = FlowRun(
        id=uuid5(flow_id, f"webhook:{incoming.path}:{key}") if key else flow_runs.fresh_id(),
        workspace_id=found.workspace_id,
        flow_id=flow_id,
        version=found.version,
        snapshot_hash=found.semantic_hash,
        trigger=node.id,
        input={
            "body": _body(incoming),
            "headers": {name: value for name, value in incoming.headers.items() if name not in _HIDDEN},
            "query": dict(incoming.query),
        },
        options={},
        source="webhook",
    )
    await flow_runs.queue_once(session, row, snapshot)
    return Started(row.id, found.workspace_id, str(node.params.get("reply", "ack")))


async def reply_of(session: AsyncSession, flow_id: UUID, incoming: Incoming) -> str:
    """What the caller waits for: `ack`, `last` or `result`. Raises `NoWebhook`."""
    found = await triggered(session, flow_id)
    if found is None:
        raise NoWebhook(path=incoming.path)
    snapshot = snapshots.of(found.document, found.semantic_hash)
    return str(_listener(snapshot, incoming).params.get("reply", "ack"))


async def last_output(session: AsyncSession, run_id: UUID) -> Any:
    """The output of the last step that succeeded."""
    events = await load_events(session, run_id)
    return next((event["output"] for event in reversed(events) if event["type"] == "step.succeeded"), None)


def _listener(snapshot: Snapshot, incoming: Incoming) -> Node:
    for node in snapshot.flow.nodes:
        path, method = node.params.get("path"), node.params.get("method", "POST")
        if node.type == _TYPE and node.enabled and path == incoming.path and method == incoming.method:
            return node
    raise NoWebhook(path=incoming.path)


async def _verify(session: AsyncSession, found: Triggered, node: Node, incoming: Incoming) -> None:
    auth: Mapping[str, Any] = node.params.get("auth") or {}
    kind = auth.get("kind", "none")
    if kind == "none":
        return
    known = await credentials.opened(session, found.workspace_id, str(auth.get("credential", "")))
    if known is None:
        raise SecretMissing(slot=auth.get("credential", ""))
    values = known[1]
    secret = str(values.get("token") or values.get("secret") or values.get("value") or "")
    if kind == "bearer":
        scheme, _, shown = incoming.headers.get("authorization", "").partition(" ")
        good = scheme.lower() == "bearer" and hmac.compare_digest(shown.strip().encode(), secret.encode())
    else:
        shown = incoming.headers.get("x-signature") or incoming.headers.get("x-hub-signature-256") or ""
        right = hmac.new(secret.encode(), incoming.body, hashlib.sha256).hexdigest()
        good = hmac.compare_digest(shown.removeprefix("sha256=").lower().encode(), right.encode())
    if not secret or not good:
        raise NotVerified(kind=kind)


def _body(incoming: Incoming) -> Any:
    """JSON and forms as values, anything else as text; null where there is none."""
    if not incoming.body:
        return None
    text = incoming.body.decode(errors="replace")
    kind = incoming.headers.get("content-type", "")
    if "x-www-form-urlencoded" in kind:
        return dict(parse_qsl(text, keep_blank_values=True))
    try:
        return json.loads(text)
    except ValueError:
        return text
    except RecursionError:
        raise NotStorable("value.too_deep", path="input.body", limit=DEEPEST) from None
