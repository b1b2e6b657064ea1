"""The editor's TypeScript and what the product says about it agree."""

import json
import re
from pathlib import Path

from app.components.canvas.editor import FlowEditor
from app.nodes.catalog import CATALOG

ROOT = Path(__file__).parents[2]
CANVAS = ROOT / "app" / "components" / "canvas"


def test_the_compiler_checks_against_the_libraries_that_are_shipped() -> None:
    checked = json.loads((ROOT / "scripts" / "typescript" / "package.json").read_text())["dependencies"]
    shipped = dict(each.rsplit("@", 1) for each in FlowEditor.lib_dependencies)
    assert shipped.items() <= checked.items()
    assert (
        json.loads((ROOT / "reflex.lock" / "package.json").read_text())["dependencies"].items()
        >= shipped.items()
    )


def test_every_node_type_has_its_icon() -> None:
    known = set(re.findall(r'^\s+"?([a-z-]+)"?: [A-Z]\w+,', (CANVAS / "icons.ts").read_text(), re.MULTILINE))
    assert {node.icon for node in CATALOG} - known == set()


def test_every_widget_of_a_param_has_its_field() -> None:
    fields = (CANVAS / "SchemaForm.tsx").read_text()
    known = set(re.findall(r"^  (\w+): \w+Field,", fields, re.MULTILINE))
    asked = {
        widget
        for node in CATALOG
        for widget in re.findall(r'"widget": "(\w+)"', json.dumps(node.params.model_json_schema()))
    }
    assert asked - known == set()
