"""The pages follow their own address, whatever Reflex baked in."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from app.embedded.one_port import follow_own_address


@pytest.fixture(scope="module")
def state_js() -> str:
    spec = find_spec("reflex_base")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return (Path(spec.submodule_search_locations[0]) / ".templates/web/utils/state.js").read_text()


def test_the_installed_reflex_is_changed_in_the_known_place(state_js: str) -> None:
    changed = follow_own_address(state_js)
    assert "endpoint.host = window.location.host;" in changed
    assert 'endpoint.port = ""' not in changed
    assert follow_own_address(changed) == changed


def test_an_unknown_reflex_is_refused() -> None:
    with pytest.raises(ValueError, match="OnePortPlugin"):
        follow_own_address("export const getBackendURL = () => 1")
