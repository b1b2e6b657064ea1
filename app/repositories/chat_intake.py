"""Many chat messages in one transaction, with statements that take a whole batch.

Only the plain case: a message that starts a run of its own, in a new conversation or one that nobody leads and
nothing waits in. What is not plain is not stored, and its caller is told so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.conversations import Conversation, Message
from app.models.flow_runs import FlowRun
from app.repositories.base import row_values
from app.repositories.waits import reply_key

_HEADS = text("""
SELECT item.place, flow.semantic_hash AS draft_hash, version.semantic_hash AS published_hash, version.number, EXISTS (
  SELECT FROM flow_run AS other WHERE other.workspace_id = item.workspace_id AND other.parked
) AS crowded
FROM unnest(CAST(:workspaces AS uuid[]), CAST(:flows AS uuid[])) WITH ORDINALITY
  AS item(workspace_id, flow_id, place)
JOIN flow ON flow.id = item.flow_id AND flow.workspace_id = item.workspace_id AND flow.deleted_at IS NULL
LEFT JOIN flow_version AS version ON version.flow_id = flow.id AND version.number = flow.published_version
""")
# A conversation that somebody else holds is left out, so that one slow caller keeps nobody waiting.
_LOCK = text("""
SELECT conversation.id, conversation.flow_id, conversation.session_id, conversation.taken_over_at IS NOT NULL AS led
FROM conversation
JOIN unnest(CAST(:workspaces AS uuid[]), CAST(:flows AS uuid[]), CAST(:sessions AS text[]))
  AS item(workspace_id, flow_id, session_id)
  ON item.workspace_id = conversation.workspace_id AND item.flow_id = conversation.flow_id
  AND item.session_id = conversation.session_id
ORDER BY conversation.id FOR UPDATE OF conversation SKIP LOCKED
""")
_AWAITED = text("""
SELECT DISTINCT unnest(keys) FROM flow_wait
WHERE keys && CAST(:keys AS text[]) AND NOT closed AND resolved_at IS NULL
""")
_STORE = text("""
WITH begun AS (
  INSERT INTO conversation SELECT * FROM json_populate_recordset(CAST(NULL AS conversation), CAST(:begun AS json))
  ON CONFLICT DO NOTHING RETURNING id
), gone_on AS (
  UPDATE conversation SET updated_at = now() WHERE id = ANY(CAST(:known AS uuid[])) RETURNING id
), talk AS (
  SELECT id FROM begun UNION ALL SELECT id FROM gone_on
), run AS (
  INSERT INTO flow_run
  SELECT item.* FROM json_populate_recordset(CAST(NULL AS flow_run), CAST(:runs AS json)) AS item
  JOIN talk ON talk.id = item.conversation_id
  RETURNING id
), said AS (
  INSERT INTO message
  SELECT item.* FROM json_populate_recordset(CAST(NULL AS message), CAST(:messages AS json)) AS item
  JOIN talk ON talk.id = item.conversation_id
)
SELECT id FROM run
""")


@dataclass(frozen=True, slots=True)
class Head:
    """What a flow would run: the hash of its draft, and of its published version where there is one. `crowded`: its
    workspace has parked runs.
    """

    draft: str
    published: str | None
    version: int | None
    crowded: bool


@dataclass(frozen=True, slots=True)
class Known:
    """A conversation, held until the end of the transaction. `plain`: nobody leads it and nothing waits in it."""

    id: UUID
    plain: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """Rows to store. `conversation` is None where the message goes on with one that exists."""

    run: FlowRun
    message: Message
    conversation: Conversation | None


async def heads(session: AsyncSession, flows: Sequence[tuple[UUID, UUID]]) -> dict[int, Head]:
    """By place in `flows` (workspace, flow); a flow the workspace does not have is missing."""
    values = {"workspaces": [each[0] for each in flows], "flows": [each[1] for each in flows]}
    rows = await session.execute(_HEADS, values)
    return {row.place - 1: Head(row.draft_hash, row.published_hash, row.number, row.crowded) for row in rows}


async def lock(
    session: AsyncSession, wanted: Sequence[tuple[UUID, UUID, str]]
) -> Mapping[tuple[UUID, str], Known]:
    """The conversations that exist and nobody holds, by (flow, session). `wanted`: workspace, flow, session."""
    if not wanted:
        return {}
    values = {
        "workspaces": [each[0] for each in wanted],
        "flows": [each[1] for each in wanted],
        "sessions": [each[2] for each in wanted],
    }
    rows = (await session.execute(_LOCK, values)).all()
    if not rows:
        return {}
    keys = [reply_key(row.id, row.id) for row in rows]
    awaited = set(await session.scalars(_AWAITED, {"keys": keys}))
    return {
        (row.flow_id, row.session_id): Known(row.id, not row.led and key not in awaited)
        for row, key in zip(rows, keys, strict=True)
    }


async def store(session: AsyncSession, batch: Sequence[Taken]) -> set[UUID]:
    """Returns the runs that are stored now: all but those whose new conversation somebody else began meanwhile."""
    if not batch:
        return set()
    values = {
        "begun": _rows([item.conversation for item in batch if item.conversation is not None]),
        "known": [item.run.conversation_id for item in batch if item.conversation is None],
        "runs": _rows([item.run for item in batch]),
        "messages": _rows([item.message for item in batch]),
    }
    return set(await session.scalars(_STORE, values))


def _rows(rows: Sequence[Any]) -> str:
    return orjson.dumps([row_values(row) for row in rows], option=orjson.OPT_NON_STR_KEYS).decode()
