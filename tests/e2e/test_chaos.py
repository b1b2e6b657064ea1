"""A small storm: mixed runs while parts are killed. `make chaos` is the long one."""

from pathlib import Path

import pytest

from tests.chaos.storm import Shop, storm
from tests.e2e.conftest import start, stop


def test_every_run_ends_as_it_must_and_no_order_is_placed_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_ALLOWED_HOSTS", "127.0.0.1")
    shop = Shop(seed=11)
    stack = start(tmp_path / "data")
    try:
        found = storm(stack, shop, 60, seed=11, pause_s=(1.5, 3.0))
    finally:
        stop(stack)
        shop.close()
    assert found.wrong == []
    assert sum(found.kills.values()) >= 3
