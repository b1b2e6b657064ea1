"""What model calls cost, added up by workspace and month, and by run where called runs share its budget.

One statement adds a whole batch; another tells everything that a budget is checked against.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.accounts import Workspace

MONTH: Final = ""
_ADD = text("""
INSERT INTO spending AS kept (workspace_id, scope, usd, calls, tokens, updated_at)
SELECT workspace_id, CASE scope WHEN '' THEN to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM') ELSE scope END,
  usd, calls, tokens, clock_timestamp()
FROM unnest(
  CAST(:workspaces AS uuid[]), CAST(:scopes AS text[]), CAST(:usds AS float8[]), CAST(:calls AS int8[]),
  CAST(:tokens AS int8[])
) AS spent(workspace_id, scope, usd, calls, tokens)
ON CONFLICT (workspace_id, scope) DO UPDATE SET
  usd = kept.usd + excluded.usd, calls = kept.calls + excluded.calls, tokens = kept.tokens + excluded.tokens,
  updated_at = excluded.updated_at
""")
_LOOK = text("""
SELECT workspace.budget_usd, workspace.budget_calls, workspace.budget_tokens, present.month,
  spent.scope, spent.usd, spent.calls, spent.tokens
FROM workspace
CROSS JOIN (SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM') AS month) AS present
LEFT JOIN spending AS spent ON spent.workspace_id = workspace.id
  AND (spent.scope = present.month OR spent.scope = ANY(CAST(:scopes AS text[])))
WHERE workspace.id = :workspace_id
""")
# Before a run's end its row has only what came late; the append of the end adds the journal's sum to it.
_ADD_LATE = text("""
UPDATE flow_run SET usage = CAST(coalesce(CAST(usage AS jsonb), '{}') || jsonb_build_object(
  'prompt_tokens', coalesce(CAST(usage->>'prompt_tokens' AS bigint), 0) + CAST(:prompt_tokens AS bigint),
  'completion_tokens', coalesce(CAST(usage->>'completion_tokens' AS bigint), 0) + CAST(:completion_tokens AS bigint),
  'cost_usd', coalesce(CAST(usage->>'cost_usd' AS float8), 0) + CAST(:cost_usd AS float8)
) AS json)
WHERE id = :id
""")
_PRUNE = text("""
DELETE FROM spending WHERE scope LIKE 'run:%' AND updated_at < clock_timestamp() - interval '400 days'
""")


class Amount(NamedTuple):
    """Money, model calls and tokens of prompts and answers together."""

    usd: float = 0.0
    calls: int = 0
    tokens: int = 0

    def plus(self, other: "Amount") -> "Amount":
        return Amount(self.usd + other.usd, self.calls + other.calls, self.tokens + other.tokens)

    def minus(self, other: "Amount") -> "Amount":
        return Amount(self.usd - other.usd, self.calls - other.calls, self.tokens - other.tokens)

    def at_least(self, other: "Amount") -> "Amount":
        return Amount(max(self.usd, other.usd), max(self.calls, other.calls), max(self.tokens, other.tokens))


class Late(NamedTuple):
    """What model calls of one run cost that the run's journal does not have."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    calls: int = 0

    @classmethod
    def of(cls, usage: Mapping[str, Any]) -> "Late":
        """The usage of a journal's event."""
        return cls(
            int(usage.get("prompt_tokens") or 0),
            int(usage.get("completion_tokens") or 0),
            float(usage.get("cost_usd") or 0),
            int(usage.get("calls") or 0),
        )

    def plus(self, other: "Late") -> "Late":
        return Late(*[one + two for one, two in zip(self, other, strict=True)])  # type: ignore[arg-type]

    def minus(self, other: "Late") -> "Late":
        """Never below nothing."""
        return Late(*[max(one - two, 0) for one, two in zip(self, other, strict=True)])  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Spent:
    """What one run spent in a scope; `MONTH` is the present month."""

    workspace_id: UUID
    scope: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class Known:
    """A workspace's limits (None: none), its month, and what is spent by scope."""

    limits: tuple[float | None, int | None, int | None]
    month: str
    spent: dict[str, Amount]


async def add(session: AsyncSession, batch: Sequence[Spent]) -> None:
    """Rows are taken in one order everywhere, so that two batches never wait for each other in a circle."""
    sums: dict[tuple[UUID, str], Amount] = {}
    for each in batch:
        key = each.workspace_id, each.scope
        sums[key] = sums.get(key, Amount()).plus(each.amount)
    keys = sorted(sums)
    values = {
        "workspaces": [workspace for workspace, _ in keys],
        "scopes": [scope for _, scope in keys],
        "usds": [sums[key].usd for key in keys],
        "calls": [sums[key].calls for key in keys],
        "tokens": [sums[key].tokens for key in keys],
    }
    await session.execute(_ADD, values)


async def add_late(session: AsyncSession, run_id: UUID, late: Late) -> None:
    """Add to what a run used."""
    values = {name: value for name, value in late._asdict().items() if name != "calls"}
    await session.execute(_ADD_LATE, {"id": run_id, **values})


async def look(session: AsyncSession, workspace_id: UUID, scopes: Sequence[str] = ()) -> Known:
    """The limits of a workspace, and what is spent this month and in these scopes."""
    rows = (await session.execute(_LOOK, {"workspace_id": workspace_id, "scopes": list(scopes)})).all()
    if not rows:
        return Known((None, None, None), "", {})
    spent = {row.scope: Amount(row.usd, row.calls, row.tokens) for row in rows if row.scope is not None}
    first = rows[0]
    return Known((first.budget_usd, first.budget_calls, first.budget_tokens), first.month, spent)


async def limit(
    session: AsyncSession, workspace_id: UUID, usd: float | None, calls: int | None, tokens: int | None
) -> None:
    """Set a workspace's limits for a month."""
    workspace = await session.get_one(Workspace, workspace_id)
    workspace.budget_usd, workspace.budget_calls, workspace.budget_tokens = usd, calls, tokens
    await session.flush()


async def prune(session: AsyncSession) -> None:
    """Forget what runs spent that ended long ago."""
    await session.execute(_PRUNE)
