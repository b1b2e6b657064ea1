"""Which flows use which credential: every `credential` a node of theirs names, in the draft or the published version."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import orjson
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import WorkspaceId
from app.repositories.flows import Flows
from app.schemas.credentials import UsingFlow

_PARAM: Final = "credential"


async def used(session: AsyncSession, workspace_id: WorkspaceId) -> dict[str, list[UsingFlow]]:
    """Slots with the flows that use them, by name."""
    found: defaultdict[str, list[UsingFlow]] = defaultdict(list)
    for flow_id, name, *documents in await Flows(session, workspace_id).documents_with(f'"{_PARAM}"'):
        for slot in sorted({slot for text in documents if text for slot in slots(orjson.loads(text))}):
            found[slot].append(UsingFlow(id=flow_id, name=name))
    return dict(found)


def slots(document: Any) -> Iterator[str]:
    """The slots that the nodes of a `flow/1` document name, at any depth of their params."""
    for node in document.get("nodes", ()):
        yield from _named(node.get("params"))


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            if name == _PARAM and isinstance(each, str) and each:
                yield each
            else:
                yield from _named(each)
    elif isinstance(value, list):
        for each in value:
            yield from _named(each)
