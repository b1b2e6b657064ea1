"""The worker process: `dramatiq workers.main`. Declares every actor and starts the driver pool once it boots."""

import logging as stdlib_logging

import dramatiq
from dramatiq.middleware import Middleware

from app.core import db, jobs, logging, memory, redis
from app.core.settings import get_settings
from app.integrations import queue
from app.integrations.llm.loader import warm
from app.realtime import hub
from workers import alarms, retention
from workers.driver_pool import DriverPool
from workers.run_flow import Runner
from workers.sweep import prune, say_alive, sweep
from workers.wiring import Wiring

_STOP_S = 10.0


class Process(Middleware):
    """Ties the driver pool to the life of the worker process."""

    pool: DriverPool | None = None

    def after_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        settings = get_settings()
        warm(then=memory.settle)
        jobs.set_dispatcher(queue.dispatch)
        wiring = Wiring(settings)
        runner = Runner(settings.worker, wiring)

        async def sweeping() -> None:
            await sweep(settings.worker)

        async def close() -> None:
            await wiring.close()
            await hub.close()
            await redis.close()
            await db.dispose()

        services = (
            sweeping,
            alarms.watch,
            prune,
            say_alive,
            retention.watch,
            runner.held.keep_leases,
            runner.held.hear_cancels,
            runner.held.hear_nudges,
        )
        self.pool = DriverPool(runner.drive, services, close, settings.worker.runs)
        self.pool.start()
        queue.broker().direct[jobs.DRIVE_RUN] = self.pool.submit

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        if self.pool is not None:
            self.pool.stop(_STOP_S)


logging.configure("worker")
for chatty in ("LiteLLM", "httpx", "openai"):
    # A line for every model call costs more than the run around it.
    stdlib_logging.getLogger(chatty).setLevel(stdlib_logging.WARNING)
broker = queue.broker()
process = Process()
broker.add_middleware(process)
dramatiq.set_broker(broker)


@dramatiq.actor(actor_name=jobs.DRIVE_RUN, queue_name=queue.QUEUE, max_retries=3, time_limit=60_000)
def drive_run(run_id: str) -> None:
    """The doorbell of one run: hand it to this process's driver pool. Once that is up, no thread is used for it."""
    if process.pool is not None:
        process.pool.submit(run_id)
