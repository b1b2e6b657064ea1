"""Every setting is documented, every documented variable is a setting."""

import re
from pathlib import Path

from pydantic import BaseModel

from app.core.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def declared(model: type[BaseModel], prefix: str = "") -> set[str]:
    names: set[str] = set()
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names |= declared(field.annotation, f"{prefix}{name}_")
        else:
            names.add(f"{prefix}{name}".upper())
    return names


def test_documentation_and_settings_agree() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE.read_text(), re.MULTILINE))
    assert documented == declared(Settings)


def test_no_secret_has_a_default() -> None:
    defaults = {
        name: Settings.model_fields[name].default for name in ("database_url", "redis_url", "secret_keys")
    }
    assert not any(defaults.values())
