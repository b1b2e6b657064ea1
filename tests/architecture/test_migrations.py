"""Migrations describe the models exactly, can be taken back, and stand on their own."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from app.embedded.migrations import applied, heads
from app.embedded.postgres import Postgres

ROOT = Path(__file__).parents[2]
VERSIONS = ROOT / "alembic" / "versions"


def alembic(url: str, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def empty_database(postgres: Postgres) -> str:
    name = "migrations"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
    return postgres.url(name)


def test_models_and_migrations_agree(database_url: str) -> None:
    alembic(database_url, "check")


def test_every_migration_can_be_taken_back_and_applied_again(empty_database: str) -> None:
    for target in (("upgrade", "head"), ("downgrade", "base"), ("upgrade", "head")):
        alembic(empty_database, *target)


def test_pending_migrations_are_found_without_alembic(empty_database: str) -> None:
    assert len(heads(VERSIONS)) == 1
    assert applied(empty_database) == set()
    alembic(empty_database, "upgrade", "head")
    assert applied(empty_database) == heads(VERSIONS)


@pytest.mark.parametrize("path", sorted(VERSIONS.glob("*.py")), ids=lambda path: path.stem)
def test_a_migration_never_imports_the_models(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        assert not any(name == "app" or name.startswith("app.") for name in names), names
