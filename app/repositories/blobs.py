"""Values of more than 64 KiB stand in a table of their own, each once a workspace, found by its hash.

An event keeps null where one was and names the places in its key `blobs`; a run's row does so in its column `blobs`.
Both are written and read here; whoever loads a journal or a run's row gets the values back whole.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from app.flows.large_values import LARGE_BYTES, Parts, TakenOut, dumps, hashes, put_back
from app.models.flow_runs import FlowRun

# An update that changes nothing holds the row, so that nobody deletes it before its new use is committed.
_STORE = text("""
INSERT INTO blob (workspace_id, sha256, body, size, created_at)
SELECT DISTINCT ON (run.workspace_id, item.sha256)
  run.workspace_id, item.sha256, item.body, octet_length(item.body), clock_timestamp()
FROM unnest(CAST(:runs AS uuid[]), CAST(:hashes AS text[]), CAST(:bodies AS text[])) AS item(run_id, sha256, body)
JOIN flow_run AS run ON run.id = item.run_id
ORDER BY run.workspace_id, item.sha256
ON CONFLICT (workspace_id, sha256) DO UPDATE SET created_at = blob.created_at
""")
_USE = text("""
INSERT INTO flow_run_blob (run_id, sha256, workspace_id)
SELECT run.id, item.sha256, run.workspace_id
FROM unnest(CAST(:runs AS uuid[]), CAST(:hashes AS text[])) AS item(run_id, sha256)
JOIN flow_run AS run ON run.id = item.run_id
ON CONFLICT DO NOTHING
""")
_NAME_PLACES = text("""
UPDATE flow_run SET blobs = CAST(coalesce(CAST(blobs AS jsonb), '{}') || CAST(:blobs AS jsonb) AS json)
WHERE id = :id
""")
_BODIES = text("""
SELECT DISTINCT ON (used.sha256) used.sha256, blob.body
FROM flow_run_blob AS used JOIN blob USING (workspace_id, sha256)
WHERE used.run_id = ANY(CAST(:runs AS uuid[])) AND used.sha256 = ANY(CAST(:hashes AS text[]))
""")
COLUMNS: Final = ("input", "scope", "options", "output", "error", "messages")
_GIVEN: Final = ("input", "scope", "options")
_STRUCTURE: Final = ("type", "node", "path")


@dataclass(slots=True)
class Beside:
    """What of some rows is stored beside them. Falsy while that is nothing.

    `columns` are the places of run rows by run and column, `used` the hashes by run; `known` ones of a run are stored.
    """

    texts: dict[tuple[UUID, str], str] = field(default_factory=dict)
    columns: dict[UUID, dict[str, list[Any]]] = field(default_factory=dict)
    used: dict[UUID, set[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.used)

    def event(self, run_id: UUID, written: bytes, known: Collection[str] = ()) -> str:
        """The text of an event that is too large, without its large values."""
        event, out = orjson.loads(written), TakenOut()
        for name in event:
            if name == "wait":  # its kind is looked for in the row
                for inner in event[name]:
                    out.of(event[name], inner, [name, inner])
            elif name not in _STRUCTURE:
                out.of(event, name, [name])
        if not out.places:
            return written.decode()
        event["blobs"] = out.places
        self._keep(run_id, out, known)
        return dumps(event).decode()

    def column(self, run_id: UUID, name: str, written: bytes, known: Collection[str] = ()) -> str:
        """The text of a run's column without its large values. Messages stay a list: their number counts."""
        row, out = {name: orjson.loads(written)}, TakenOut()
        if name == "messages":
            for index, message in enumerate(row[name]):
                for inner in message:
                    out.of(message, inner, [name, index, inner])
        else:
            out.of(row, name, [name])
        if not out.places:
            return written.decode()
        self.columns.setdefault(run_id, {})[name] = out.places
        self._keep(run_id, out, known)
        return dumps(row[name]).decode()

    def _keep(self, run_id: UUID, out: TakenOut, known: Collection[str]) -> None:
        self.used.setdefault(run_id, set()).update(out.texts)
        self.texts.update(
            {(run_id, sha256): body for sha256, body in out.texts.items() if sha256 not in known}
        )

    async def store(self, session: AsyncSession, run_ids: Collection[UUID]) -> None:
        """Store what these runs use, whose rows must be there."""
        wanted = sorted((sha256, run_id) for run_id, sha256 in self.texts if run_id in run_ids)
        if wanted:
            values: dict[str, Any] = {
                "runs": [run for _, run in wanted],
                "hashes": [each for each, _ in wanted],
            }
            bodies = [self.texts[run, each] for each, run in wanted]
            await session.execute(_STORE, {**values, "bodies": bodies})
            await session.execute(_USE, values)
        for run_id, places in self.columns.items():
            if run_id in run_ids:
                await session.execute(_NAME_PLACES, {"id": run_id, "blobs": dumps(places).decode()})


def beside_new_row(values: dict[str, Any]) -> Beside:
    """Take large values out of a new run's columns, in place."""
    beside = Beside()
    for name in _GIVEN:
        if values.get(name):
            try:
                written = dumps(values[name])
            except orjson.JSONEncodeError:
                continue  # a number that no journal can hold: the run says so
            if len(written) > LARGE_BYTES:
                values[name] = orjson.loads(beside.column(values["id"], name, written))
    return beside


async def fill_events(session: AsyncSession, run_id: UUID, events: Iterable[dict[str, Any]]) -> None:
    """Put large values back into a run's events."""
    large = [(event, event.pop("blobs")) for event in events if "blobs" in event]
    if large:
        parts = await _parts(session, [run_id], [places for _, places in large])
        for event, places in large:
            put_back(event, places, parts)


async def fill(session: AsyncSession, rows: Sequence[FlowRun]) -> None:
    """Put large values back into runs' rows. To the session nothing has changed."""
    large = [row for row in rows if row.blobs]
    for row, whole in zip(large, await filled(session, [_columns(row) for row in large]), strict=True):
        for name, value in whole.items():
            set_committed_value(row, name, value)


def _columns(row: FlowRun) -> tuple[UUID, Mapping[str, Any], dict[str, Any]]:
    return row.id, row.blobs or {}, {name: getattr(row, name) for name in row.blobs or {}}


async def filled(
    session: AsyncSession, rows: Sequence[tuple[UUID, Mapping[str, Any], dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Rows as (id, places by column, columns) with the large values of those columns put back."""
    if rows:
        wanted = [places for _, blobs, _ in rows for places in blobs.values()]
        parts = await _parts(session, [row_id for row_id, _, _ in rows], wanted)
        for _, blobs, columns in rows:
            for name, places in blobs.items():
                if name in columns:
                    put_back(columns, places, parts)
    return [columns for _, _, columns in rows]


async def _parts(session: AsyncSession, run_ids: Sequence[UUID], places: Iterable[list[Any]]) -> Parts:
    wanted = sorted({sha256 for each in places for sha256 in hashes(each)})
    found = await session.execute(_BODIES, {"runs": list(run_ids), "hashes": wanted})
    return Parts({row.sha256: row.body for row in found})


async def replace_input(session: AsyncSession, row: FlowRun, value: Any) -> None:
    """Give a run that has not begun another input."""
    beside, written = Beside(), dumps(value)
    row.input = value
    if len(written) > LARGE_BYTES:
        row.input = orjson.loads(beside.column(row.id, "input", written))
    kept = {name: places for name, places in (row.blobs or {}).items() if name != "input"}
    row.blobs = kept or None
    await session.flush()
    await beside.store(session, [row.id])
