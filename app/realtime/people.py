"""Who has a flow open: entries in Redis that expire by themselves, and no more than that.

A Redis that was emptied or is gone means that people are missing until their next sign of life.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson
import structlog
from redis.exceptions import RedisError

from app.core.clock import now
from app.core.redis import PREFIX, client
from app.realtime.publish import publish_flow

# A page gives a sign every 20 s: one may be lost.
KEEP_S: Final = 45
_MOST: Final = 50
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Person:
    """One open page of somebody. `id` is the page's, `account` the person's."""

    id: str
    account: str
    name: str


def _key(flow_id: object) -> str:
    return f"{PREFIX}flow:{flow_id}:people"


def _member(person: Person) -> bytes:
    return orjson.dumps(asdict(person), option=orjson.OPT_SORT_KEYS)


async def here(flow_id: object, person: Person) -> list[Person]:
    """Say that a person is there, for a while, and learn who else is, by name."""
    key, moment = _key(flow_id), now().timestamp()
    pipeline = client().pipeline(transaction=False)
    pipeline.zremrangebyscore(key, "-inf", moment)
    pipeline.zadd(key, {_member(person): moment + KEEP_S})
    pipeline.expire(key, KEEP_S)
    pipeline.zrange(key, 0, _MOST)
    try:
        members = (await pipeline.execute())[-1]
    except (RedisError, OSError) as error:
        _log.warning("people.unknown", error=type(error).__name__)
        return []
    found = [Person(**orjson.loads(member)) for member in members]
    return sorted((each for each in found if each.id != person.id), key=lambda each: (each.name, each.id))


async def gone(flow_id: object, person: Person) -> None:
    """Say that a person left."""
    try:
        await client().zrem(_key(flow_id), _member(person))
    except (RedisError, OSError) as error:
        _log.warning("people.unknown", error=type(error).__name__)
    await changed(flow_id)


async def changed(flow_id: object) -> None:
    """Let every open page look who is there."""
    await publish_flow(flow_id, {"kind": "people"})


async def tell(flow_id: object, person: Person, seen: dict[str, Any]) -> None:
    """Where a person points and what they have selected. Kept nowhere."""
    await publish_flow(flow_id, {"kind": "presence", "person": person.id, **seen})
