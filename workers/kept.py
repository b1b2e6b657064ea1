"""The results one run may reuse and leave behind: in the database, for its own workspace alone."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import orjson
import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

from app.core.db import unit_of_work
from app.repositories import kept_results
from app.repositories.leases import Claimed

LARGEST_BYTES: Final = 65_536
_LONGEST_S: Final = 366 * 86_400.0
# Wishes of a caller that change what a model answers.
_WISHES: Final = ("temperature", "max_tokens")
_log = structlog.get_logger()


class RunKeeper:
    """A simulated run reads and leaves nothing behind. A database that does not answer is a result that is not there."""

    def __init__(self, run: Claimed) -> None:
        self._workspace_id, self._writes = run.workspace_id, not run.simulate
        self._wishes = [run.options.get(name) for name in _WISHES]

    async def find(self, key: str) -> dict[str, Any] | None:
        try:
            async with unit_of_work() as session:
                found = await kept_results.find(session, self._workspace_id, self._own(key))
        except (OperationalError, InterfaceError) as error:
            _log.warning("kept_result.not_read", error=type(error).__name__)
            return None
        return None if found is None else orjson.loads(found)

    async def keep(self, key: str, result: Mapping[str, Any], ttl_s: float) -> None:
        if not self._writes:
            return
        try:
            written = orjson.dumps(dict(result), option=orjson.OPT_NON_STR_KEYS)
        except TypeError:
            return
        if len(written) > LARGEST_BYTES:
            return
        try:
            async with unit_of_work() as session:
                await kept_results.keep(
                    session, self._workspace_id, self._own(key), written.decode(), min(ttl_s, _LONGEST_S)
                )
        except (OperationalError, InterfaceError) as error:
            _log.warning("kept_result.not_kept", error=type(error).__name__)

    def _own(self, key: str) -> str:
        return hashlib.sha256(orjson.dumps([str(self._workspace_id), self._wishes, key])).hexdigest()
