"""Flow files written against the design of the language alone: whatever it promises, a real worker does.

Each `files/<name>.flow.json` is a file as a stranger would write it; `<name>.cases.json` says what runs of it give.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.nodes.catalog import CATALOG
from tests.integration.language.player import FILES, Player

pytestmark = pytest.mark.xdist_group("language")  # one worker and one database for all


def cases() -> Iterator[Any]:
    for path in sorted(FILES.glob("*.cases.json")):
        name = path.name.removesuffix(".cases.json")
        for case in json.loads(path.read_text(encoding="utf-8")):
            yield pytest.param(name, case, id=f"{name}-{case['name']}")


@pytest.mark.parametrize(("name", "case"), list(cases()))
async def test_language(player: Player, name: str, case: dict[str, Any]) -> None:
    await player.play(name, case)


def test_every_type_of_the_catalogue_has_a_file() -> None:
    used = {
        node["type"]
        for path in FILES.glob("*.flow.json")
        for node in json.loads(path.read_text(encoding="utf-8"))["nodes"]
    }
    assert {each.key for each in CATALOG} <= used
