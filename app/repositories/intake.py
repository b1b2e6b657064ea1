"""Many new runs, with the chat messages that start them, stored by one statement.

Only what is plain: a run of a stored flow, for its own sake or for a message in a new conversation or in one that
nobody leads and nothing waits in. What is not plain is not stored, and its caller is told so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.statements import at_once
from app.flows.large_values import LARGE_BYTES, dumps
from app.models.conversations import Conversation, Message
from app.models.flow_runs import FlowRun
from app.repositories.base import row_values

_HEADS = text("""
SELECT flow.workspace_id, flow.id, flow.semantic_hash AS draft, version.semantic_hash AS published
FROM unnest(CAST(:workspaces AS uuid[]), CAST(:flows AS uuid[])) AS item(workspace_id, flow_id)
JOIN flow ON flow.id = item.flow_id AND flow.workspace_id = item.workspace_id AND flow.deleted_at IS NULL
LEFT JOIN flow_version AS version ON version.flow_id = flow.id AND version.number = flow.published_version
""")
# A run is stored only if its flow is still what the caller took it to be. A conversation that somebody else holds is
# left out, so that one slow caller keeps nobody waiting. The message of a known conversation goes to that one, so
# what was made for a new one is told its id. The run gets its place while the conversation is held, whatever its row says.
_STORE = text("""
WITH item AS (
  SELECT item.*, CASE WHEN item.draft THEN NULL ELSE version.number END AS version, EXISTS (
    SELECT FROM flow_run AS other WHERE other.workspace_id = item.workspace_id AND other.parked
  ) AS parked
  FROM json_to_recordset(CAST(:items AS json)) AS item(
    run_id uuid, workspace_id uuid, flow_id uuid, hash text, draft boolean, session_id text, conversation_id uuid
  )
  JOIN flow ON flow.id = item.flow_id AND flow.workspace_id = item.workspace_id AND flow.deleted_at IS NULL
  LEFT JOIN flow_version AS version ON version.flow_id = flow.id AND version.number = flow.published_version
  WHERE item.hash = CASE WHEN item.draft OR version.number IS NULL THEN flow.semantic_hash
    ELSE version.semantic_hash END
), known AS (
  SELECT item.run_id, conversation.id
  FROM item JOIN conversation
    ON conversation.flow_id = item.flow_id AND conversation.session_id = item.session_id
  WHERE conversation.session_id = ANY(CAST(:sessions AS text[])) AND conversation.taken_over_at IS NULL AND NOT EXISTS (
    SELECT FROM flow_wait
    WHERE keys && ARRAY['reply:' || conversation.id] AND NOT closed AND resolved_at IS NULL
  )
  ORDER BY conversation.id FOR UPDATE OF conversation SKIP LOCKED
), gone_on AS (
  UPDATE conversation SET updated_at = now()
  FROM known WHERE conversation.id = known.id AND conversation.session_id = ANY(CAST(:sessions AS text[]))
  RETURNING known.run_id, known.id
), begun AS (
  INSERT INTO conversation
  SELECT made.* FROM json_populate_recordset(CAST(NULL AS conversation), CAST(:begun AS json)) AS made
  JOIN item ON item.conversation_id = made.id
  ON CONFLICT DO NOTHING RETURNING id
), talk AS (
  SELECT run_id, id FROM gone_on
  UNION ALL SELECT item.run_id, begun.id FROM item JOIN begun ON begun.id = item.conversation_id
  UNION ALL SELECT run_id, NULL FROM item WHERE conversation_id IS NULL
), run AS (
  INSERT INTO flow_run OVERRIDING USER VALUE
  SELECT made.*
  FROM json_populate_recordset(CAST(NULL AS flow_run), CAST(:runs AS json)) AS given
  JOIN talk ON talk.run_id = given.id
  JOIN item ON item.run_id = given.id
  CROSS JOIN LATERAL json_populate_record(given, json_build_object(
    'conversation_id', talk.id, 'version', item.version, 'parked', item.parked,
    'scope', CASE WHEN talk.id = item.conversation_id OR talk.id IS NULL THEN given.scope
      ELSE json_build_object('conversation', json_build_object('id', talk.id, 'session_id', item.session_id)) END
  )) AS made
  RETURNING id, version, parked, conversation_id
), said AS (
  INSERT INTO message
  SELECT made.*
  FROM json_populate_recordset(CAST(NULL AS message), CAST(:messages AS json)) AS given
  JOIN talk ON talk.run_id = given.run_id
  CROSS JOIN LATERAL json_populate_record(given, json_build_object('conversation_id', talk.id)) AS made
)
SELECT id, version, parked, conversation_id FROM run
""")
_PIN = text("""
INSERT INTO flow_snapshot (hash, document, created_at) VALUES (:hash, :document, now()) ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class Head:
    """What a flow would run: the hash of its draft, and of its published version where there is one."""

    draft: str
    published: str | None


@dataclass(frozen=True, slots=True)
class New:
    """Rows to store. `session_id` is the caller's name of a conversation that may exist already, in which case
    `conversation` is not needed. `draft`: the caller wants what stands in the editor.
    """

    run: FlowRun
    draft: bool
    conversation: Conversation | None = None
    message: Message | None = None
    session_id: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database decided about a run. `parked`: it waits for its workspace's turn."""

    version: int | None
    parked: bool
    conversation_id: UUID | None


async def heads(flows: Sequence[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Head]:
    """By workspace and flow, as in `flows`; a flow the workspace does not have is missing."""
    values = {"workspaces": [each[0] for each in flows], "flows": [each[1] for each in flows]}
    return {
        (row.workspace_id, row.id): Head(row.draft, row.published) for row in await at_once(_HEADS, values)
    }


async def pin(semantic_hash: str, document: str) -> None:
    """Keep the document of a hash for the runs that will need it."""
    await at_once(_PIN, {"hash": semantic_hash, "document": document})


async def store(batch: Sequence[New]) -> dict[UUID, Stored]:
    """By run: those that are stored now."""
    if not batch:
        return {}
    values = {
        "items": _json([_item(new) for new in batch]),
        "sessions": [new.session_id for new in batch if new.session_id is not None],
        "begun": _json([row_values(new.conversation) for new in batch if new.conversation is not None]),
        "runs": _json([row_values(new.run) for new in batch]),
        "messages": _json([row_values(new.message) for new in batch if new.message is not None]),
    }
    rows = await at_once(_STORE, values)
    return {row.id: Stored(row.version, row.parked, row.conversation_id) for row in rows}


def is_small(run: FlowRun) -> bool:
    """Whether the run's row holds nothing that is stored beside it."""
    return len(dumps([run.input, run.scope, run.options])) <= LARGE_BYTES


def _item(new: New) -> Mapping[str, Any]:
    return {
        "run_id": new.run.id,
        "workspace_id": new.run.workspace_id,
        "flow_id": new.run.flow_id,
        "hash": new.run.snapshot_hash,
        "draft": new.draft,
        "session_id": new.session_id,
        "conversation_id": new.conversation.id if new.conversation is not None else None,
    }


def _json(rows: Any) -> str:
    return dumps(rows).decode()
