"""Many rows made of few: what a real run left in the tables, copied by the database under new ids."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg import sql

from benchmarks.measure import Failed

Connection = psycopg.Connection[tuple[object, ...]]


@contextmanager
def database(url: str) -> Iterator[Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def copy(connection: Connection, table: str, others: Mapping[str, str], frm: str) -> int:
    """`INSERT INTO table SELECT … FROM frm`, where `old` is a row of `table` and `others` are columns that differ.

    Both are SQL. Returns how many rows were made.
    """
    columns = [
        str(row[0])
        for row in connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND table_schema = 'public' "
            "AND is_generated = 'NEVER' ORDER BY ordinal_position",
            [table],
        )
    ]
    unknown = set(others) - set(columns)
    if unknown:
        raise Failed(f"{table} has no {', '.join(sorted(unknown))}")
    values = [
        sql.SQL(others[name]) if name in others else sql.SQL("old.{}").format(sql.Identifier(name))
        for name in columns
    ]
    done = connection.execute(
        sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(values),
            sql.SQL(frm),
        )
    )
    return done.rowcount


def settle(connection: Connection, *tables: str) -> None:
    """What autovacuum would do in its own time, so that it does not do it while something is measured."""
    for table in tables:
        connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table)))
    connection.execute("CHECKPOINT")


def number(connection: Connection, query: str, *values: object) -> float:
    """The one number a query gives; 0 where it gives none."""
    row = connection.execute(query, values).fetchone()
    return float(str(row[0])) if row and row[0] is not None else 0.0
