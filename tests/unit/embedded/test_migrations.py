"""The newest revisions are read from the files as Alembic would read them."""

from pathlib import Path

from app.embedded.migrations import heads, plain


def test_heads_of_a_chain_and_of_a_fork(tmp_path: Path) -> None:
    (tmp_path / "1.py").write_text('revision = "a"\ndown_revision = None\n')
    (tmp_path / "2.py").write_text("revision: str = 'b'\ndown_revision: str | None = 'a'\n")
    assert heads(tmp_path) == {"b"}
    (tmp_path / "3.py").write_text('revision = "c"\ndown_revision = "a"\n')
    assert heads(tmp_path) == {"b", "c"}


def test_a_url_for_libpq() -> None:
    assert plain("postgresql+psycopg://a:b@c/d") == "postgresql://a:b@c/d"
