"""The queue: Dramatiq on Redis, a bell so that a worker need not poll, and an enqueue that holds up no event loop.

A message is only a doorbell; PostgreSQL holds what is to be done. `dispatch` is what `core.jobs` sends with.
"""

# mypy: allow-untyped-calls
import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from time import sleep, time
from typing import Any, Final
from uuid import uuid4

import dramatiq
import redis
import structlog
from dramatiq.brokers import redis as dramatiq_redis
from dramatiq.middleware import Retries, ShutdownNotifications, TimeLimit
from redis.commands.core import Script
from redis.exceptions import NoScriptError, RedisError

from app.core.redis import PREFIX, client
from app.core.settings import get_settings

QUEUE: Final = "runs"
NAMESPACE: Final = f"{PREFIX}queue"
_BELL: Final = f"{PREFIX}bell:"
_HEARTBEAT_MS: Final = 15_000
_IDLE_S: Final = 1.0
_ACK_S: Final = 0.1
_DEAD_TTL_MS: Final = 86_400_000
_UNPACK_LIMIT: Final = 1_000
_SENDER: Final = str(uuid4())
_DISPATCH: Final[bytes] = dramatiq_redis._scripts["dispatch"]
_log = structlog.get_logger()


class BellConsumer(dramatiq_redis._RedisConsumer):
    """Waits for a bell instead of sleeping: the base class polls with a doubling pause nothing can set.

    It is rung by `dispatch` and by every acknowledgement, which may have made room for another message.
    """

    def __init__(self, broker: "BellBroker", queue_name: str, prefetch: int, timeout: int) -> None:
        super().__init__(broker, queue_name, prefetch, timeout)
        self._bell = broker.bell(queue_name)
        # Kept by the broker, since a lost connection costs a consumer its life.
        self._done = broker.done.setdefault(queue_name, [])

    def ack(self, message: Any) -> None:
        super().ack(message)
        self._bell.set()

    def nack(self, message: Any) -> None:
        super().nack(message)
        self._bell.set()

    def __next__(self) -> Any:
        if self.message_cache:
            return super().__next__()
        self._bell.clear()
        try:
            room = self.prefetch - self.outstanding_message_count
            fetched = self.broker.fetch(self.queue_name, room, self._done) if room > 0 else []
            self.message_cache = self._hand_over(fetched)
        except redis.ConnectionError as error:
            raise dramatiq.errors.ConnectionClosed(error) from None
        if self.message_cache:
            return super().__next__()
        if len(fetched) < room:
            self._bell.wait(_ACK_S if self._done else _IDLE_S)
        return None

    def close(self) -> None:
        with suppress(RedisError):
            self.broker.fetch(self.queue_name, 0, self._done)

    def _hand_over(self, fetched: list[bytes]) -> list[bytes]:
        """Give messages of `direct` actors to their functions. Returns the others.

        Such an actor only puts its work somewhere: a worker thread would cost more than that. It may block, which
        keeps this worker from taking more. The acknowledgement goes with the next fetch, so that it costs no round
        trip while the work begins; if it is lost, the message comes twice, as any may.
        """
        others: list[bytes] = []
        for data in fetched:
            message = dramatiq.Message.decode(data)
            act = self.broker.direct.get(message.actor_name)
            if act is None:
                others.append(data)
                continue
            act(*message.args, **message.kwargs)
            self._done.append(message.options["redis_message_id"])
        return others


class BellBroker(dramatiq_redis.RedisBroker):
    """Checks for messages of dead workers with every fetch, since with a bell there are few of them."""

    def __init__(self, url: str) -> None:
        super().__init__(
            middleware=[TimeLimit(), ShutdownNotifications(), Retries()],
            namespace=NAMESPACE,
            client=redis.Redis.from_url(url, socket_connect_timeout=5, socket_timeout=10),
            maintenance_chance=1_000_000,
            heartbeat_timeout=_HEARTBEAT_MS,
            dead_message_ttl=_DEAD_TTL_MS,
        )
        self._url = url
        self.direct: dict[str, Callable[..., None]] = {}
        self.done: dict[str, list[str]] = {}
        self._bells: dict[str, threading.Event] = {}
        self._listener: threading.Thread | None = None

    @property
    def consumer_class(self) -> type[BellConsumer]:
        return BellConsumer

    def fetch(self, queue_name: str, room: int, done: list[str]) -> list[bytes]:
        """As the broker's own `do_ack` for each that is `done` and then `do_fetch`, in one round trip. Empties `done`
        when that has worked.
        """
        pipeline = self.client.pipeline(transaction=False)
        for message_id in done:
            pipeline.evalsha(_sha(), 1, *_arguments("ack", queue_name, self.broker_id, message_id))
        if room:
            pipeline.evalsha(_sha(), 1, *_arguments("fetch", queue_name, self.broker_id, room, maintain=True))
        try:
            answers: list[Any] = pipeline.execute() if done or room else []
        except NoScriptError:
            for message_id in done:
                self.do_ack(queue_name, message_id)
            answers = [self.do_fetch(queue_name, room)] if room else []
        done.clear()
        return list(answers[-1]) if room else []

    def bell(self, queue_name: str) -> threading.Event:
        """The event that is set when a message may have come. Starts listening on first use."""
        if self._listener is None:
            self._listener = threading.Thread(target=self._listen, name="bell", daemon=True)
            self._listener.start()
        return self._bells.setdefault(queue_name, threading.Event())

    def _listen(self) -> None:
        while True:
            with suppress(RedisError), redis.Redis.from_url(self._url) as connection:
                subscription = connection.pubsub(ignore_subscribe_messages=True)
                subscription.psubscribe(f"{_BELL}*")
                for message in subscription.listen():
                    self._ring(message["channel"].decode().removeprefix(_BELL))
            sleep(0.2)

    def _ring(self, queue_name: str) -> None:
        bell = self._bells.get(queue_name)
        if bell is not None:
            bell.set()


@lru_cache(maxsize=1)
def broker() -> BellBroker:
    """The worker's broker."""
    settings = get_settings()
    settings.require("redis_url")
    return BellBroker(settings.redis_url)


class _Sender:
    """Sends what concurrent callers enqueue in one round trip."""

    def __init__(self) -> None:
        self._waiting: list[tuple[bytes, str, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def send(self, message_id: str, data: bytes) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((data, message_id, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        await future

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            failure: RedisError | None = None
            try:
                await _push([(message_id, data) for data, message_id, _ in batch])
            except RedisError as error:
                failure = error
            for _, _, future in batch:
                if future.done():
                    continue
                if failure is None:
                    future.set_result(None)
                else:
                    future.set_exception(failure)


async def _push(messages: list[tuple[str, bytes]]) -> None:
    """Run the broker's own enqueue script, then ring. The script is loaded again after Redis forgot it."""
    connection = client()
    sha = _sha()
    for attempt in (1, 2):
        pipeline = connection.pipeline(transaction=False)
        for message_id, data in messages:
            pipeline.evalsha(sha, 1, *_arguments("enqueue", QUEUE, _SENDER, message_id, data))
        pipeline.publish(_BELL + QUEUE, "")
        try:
            await pipeline.execute()
            return
        except NoScriptError:
            if attempt == 2:
                raise
            await connection.script_load(_DISPATCH.decode())


def _arguments(
    command: str, queue_name: str, broker_id: str, *rest: Any, maintain: bool = False
) -> tuple[Any, ...]:
    """As `RedisBroker._dispatch` builds them: keys, command, time, queue, sender, timeouts, maintenance."""
    head = (NAMESPACE, command, int(time() * 1000), queue_name, broker_id, _HEARTBEAT_MS, _DEAD_TTL_MS)
    return (*head, int(maintain), _UNPACK_LIMIT, *rest)


@lru_cache(maxsize=1)
def _sha() -> str:
    return Script(redis.Redis(), _DISPATCH).sha


_senders: dict[int, _Sender] = {}


async def dispatch(name: str, payload: Mapping[str, Any]) -> None:
    """Enqueue the actor `name`. Raises `RedisError` while Redis is gone: the sweeper sends what is missing."""
    message_id = str(uuid4())
    message: dramatiq.Message[None] = dramatiq.Message(
        queue_name=QUEUE,
        actor_name=name,
        args=(),
        kwargs=dict(payload),
        options={"redis_message_id": message_id},
    )
    sender = _senders.setdefault(id(asyncio.get_running_loop()), _Sender())
    await sender.send(message_id, message.encode())
