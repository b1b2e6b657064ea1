"""Where migrations run: the database of the settings, one transaction a migration."""

import logging

from sqlalchemy import create_engine, pool
from sqlmodel import SQLModel

import app.core.jobs
import app.models  # noqa: F401 - fills the metadata
from alembic import context
from app.core.settings import get_settings

_LOCK = 4_018_255_701

settings = get_settings()
settings.require("database_url")
logging.getLogger("alembic").setLevel(logging.INFO)

if context.is_offline_mode():
    context.configure(url=settings.database_url, target_metadata=SQLModel.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    engine = create_engine(settings.database_url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        # Two processes that start at once: the second waits, then finds nothing left to do.
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK})")
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=SQLModel.metadata,
            compare_server_default=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
