"""Every starter flow is complete: it checks clean, is written canonically and is the same graph in every language."""

from typing import Any

import pytest

from app.errors import NotFound
from app.flows import check, codec
from app.i18n import LOCALES
from app.nodes.catalog import CATALOG
from app.services.flow_templates import FlowTemplate, flow_template, flow_templates

EVERY = [(locale, template) for locale in LOCALES for template in flow_templates(locale)]
EACH = pytest.mark.parametrize(("locale", "template"), EVERY, ids=[f"{locale}-{t.id}" for locale, t in EVERY])


@EACH
def test_a_template_checks_clean(locale: str, template: FlowTemplate) -> None:
    assert check.check(codec.load(template.text), CATALOG) == []


@EACH
def test_a_template_is_written_canonically(locale: str, template: FlowTemplate) -> None:
    assert codec.dump(codec.load(template.text)) == template.text


@EACH
def test_a_template_needs_no_key(locale: str, template: FlowTemplate) -> None:
    models = {node["params"]["model"] for node in template.document["nodes"] if "model" in node["params"]}
    assert models <= {"demo/assistant"}


def skeleton(template: FlowTemplate) -> Any:
    nodes = [(node["id"], node["type"], sorted(node["params"])) for node in template.document["nodes"]]
    return template.id, template.kind, nodes, template.document["edges"], template.document["view"]["nodes"]


def test_the_languages_have_the_same_graphs() -> None:
    assert [skeleton(each) for each in flow_templates("en")] == [
        skeleton(each) for each in flow_templates("ru")
    ]
    assert all(
        english.name != russian.name and english.description != russian.description
        for english, russian in zip(flow_templates("en"), flow_templates("ru"), strict=True)
    )


def test_there_is_one_for_every_kind() -> None:
    assert len(flow_templates()) >= 6
    assert {each.kind for each in flow_templates()} == {"agent", "task", "rule", "sequence"}


def test_a_template_is_found_by_its_id() -> None:
    assert flow_template("answer_questions", "ru").name == "Ответы на вопросы"
    with pytest.raises(NotFound):
        flow_template("none")
