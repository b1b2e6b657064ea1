"""Knows quickly whether a database has the newest schema."""

import re
from pathlib import Path

import psycopg

from app.embedded.data_dir import EmbeddedError

_REVISION = re.compile(r"^revision(?:\s*:\s*[^=]+)?\s*=\s*[\"']([^\"']+)[\"']", re.MULTILINE)
_DOWN = re.compile(r"^down_revision(?:\s*:\s*[^=]+)?\s*=\s*[\"']([^\"']+)[\"']", re.MULTILINE)


def heads(versions: Path) -> set[str]:
    """The newest revisions in a folder of migrations, read without importing Alembic (that takes a second)."""
    texts = [path.read_text() for path in versions.glob("*.py")]
    revisions = {found[1] for text in texts if (found := _REVISION.search(text))}
    return revisions - {found[1] for text in texts if (found := _DOWN.search(text))}


def applied(database_url: str) -> set[str]:
    """What `alembic_version` says; empty for a new database. Raises `EmbeddedError` when nobody answers."""
    try:
        with psycopg.connect(plain(database_url), connect_timeout=5) as connection:
            if connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,):
                return set()
            return {
                row[0] for row in connection.execute("SELECT version_num FROM alembic_version").fetchall()
            }
    except psycopg.Error as error:
        raise EmbeddedError("embedded.database_unreachable", reason=_first_line(error)) from None


def plain(url: str) -> str:
    """A URL that libpq understands: without SQLAlchemy's driver name."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
