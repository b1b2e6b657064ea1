"""Templates keep types, name what is missing, and stop at their limits."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.flows.templates import TemplateError, compile_value, strings, text
from tests.unit.flows_language.documents import json_values

SCOPE: dict[str, Any] = {
    "input": {"message": "hi", "n": 3, "f": 1.5, "list": [1, {"a": None}], "yes": True, "dotted.name": "d"},
    "nodes": {"look": {"passages": [{"text": "A"}, {"text": "B"}]}},
    "state": {},
}
RENDERED = {
    "{{ input.message }}": "hi",
    "{{ input.n }}": 3,
    "{{input.f}}": 1.5,
    "{{ input.yes }}": True,
    "{{ input.list }}": [1, {"a": None}],
    "{{ input.list[1].a }}": None,
    "{{ input.list.size }}": 2,
    "{{ input.list.first }}": 1,
    "{{ input['dotted.name'] }}": "d",
    "no template { at all }": "no template { at all }",
    " {{ input.n }}": " 3",
    "{{ input.n }}{{ input.n }}": "33",
    "a {{ input.list }} {{ input.yes }} {{ input.list[1].a }}.": 'a [1, {"a": null}] true .',
    "{{ input.n | plus: 1 }}": "4",
    "{{ input.list | json }}": '[1, {"a": null}]',
    "{{ state.name | default: 'you' }}": "you",
    "{% for p in nodes.look.passages %}{{ p.text }},{% endfor %}": "A,B,",
    "{% if input.n > 2 and input.yes %}many{% else %}few{% endif %}": "many",
    "{% assign x = input.n | times: 2 %}{{ x }}": "6",
}


@pytest.mark.parametrize(("source", "value"), RENDERED.items())
def test_a_template_gives(source: str, value: Any) -> None:
    rendered = compile_value(source).render(SCOPE)
    assert rendered == value
    assert type(rendered) is type(value)


FAILS = {
    "{{ state.q }}": ("template.missing", "state.q"),
    "Hi {{ input.nobody.name }}!": ("template.missing", "input.nobody.name"),
    "{{ state.q | upcase }}": ("template.missing", "state.q"),
    "{% if state.z %}1{% endif %}": ("template.missing", "state.z"),
    "{{ input.list[5] }}": ("template.missing", "input.list[5]"),
    "{{ input.message.__class__ }}": ("template.missing", "input.message.__class__"),
    "{{ input.n | divided_by: 0 }}": ("template.failed", "divided_by"),
    "{% for i in (1..100000) %}a{% endfor %}": ("template.limit", None),
    "{% for i in (1..500) %}{% for j in (1..500) %}a{% endfor %}{% endfor %}": ("template.limit", None),
    "{% assign a = '0123456789' %}{% for i in (1..60) %}{% assign a = a | append: a %}{% endfor %}": ("template.limit", None),
    "{% for i in (1..9000) %}" + "x" * 200 + "{% endfor %}": ("template.limit", None),
    "{% assign a = '0123456789' %}{% for i in (1..9) %}{% assign a = a | append: a %}{% endfor %}{{ a | replace: '', a }}": ("template.limit", None),
}  # fmt: skip


@pytest.mark.parametrize(("source", "expected"), FAILS.items(), ids=[each[:60] for each in FAILS])
def test_a_failing_render_names_the_place(source: str, expected: tuple[str, str | None]) -> None:
    with pytest.raises(TemplateError) as caught:
        compile_value(source).render(SCOPE)
    code, piece = expected
    assert caught.value.code == code
    if piece is not None:
        assert source[caught.value.start : caught.value.end] == piece


BROKEN = {
    "{{ input.message": ("template.syntax", 0),
    "a {% if %}x{% endif %}": ("template.syntax", 5),
    "{{ a b }}": ("template.syntax", 5),
    "{% endfor %}": ("template.syntax", 3),
    "text {{ input.x | shout }}": ("template.unknown_filter", 18),
    "{% include 'secrets' %}": ("template.syntax", 3),
    "{% render 'secrets' %}": ("template.syntax", 3),
    "{% if 1 %}" * 40 + "{% endif %}" * 40: ("template.limit", 0),
    "{{ input.x }}" + " " * 100_000: ("template.limit", 0),
}


@pytest.mark.parametrize(("source", "expected"), BROKEN.items(), ids=[each[:40] for each in BROKEN])
def test_what_cannot_be_parsed_is_located(source: str, expected: tuple[str, int]) -> None:
    for _ in range(2):
        with pytest.raises(TemplateError) as caught:
            compile_value(source)
        assert (caught.value.code, caught.value.start) == expected
        assert caught.value.end > caught.value.start


def test_references_are_known_with_their_ranges_and_defaults() -> None:
    source = "{% for p in nodes.look['passages'] %}{{ p.text }}{{ input.n }}{% endfor %}{{ state.x | default: nodes.b.c }}"
    found = [
        (each.path, source[each.start : each.end], each.has_default)
        for each in compile_value(source).references
    ]
    assert found == [
        (("nodes", "look", "passages"), "nodes.look['passages']", False),
        (("input", "n"), "input.n", False),
        (("state", "x"), "state.x", True),
        (("nodes", "b", "c"), "nodes.b.c", False),
    ]


def test_a_tree_is_rendered_whole_and_locates_its_faults() -> None:
    raw = {"a": [1, "{{ input.n }}"], "b": {"c": ["x", "{{ input.zz }}"]}}
    compiled = compile_value(raw)
    assert [each.place for each in compiled.references] == ["a[1]", "b.c[1]"]
    with pytest.raises(TemplateError) as caught:
        compiled.render(SCOPE)
    assert (caught.value.place, caught.value.path) == ("b.c[1]", "input.zz")
    assert compiled.render({"input": {"n": 5, "zz": None}}) == {"a": [1, 5], "b": {"c": ["x", None]}}
    assert list(strings(raw)) == [("a[1]", "{{ input.n }}"), ("b.c[0]", "x"), ("b.c[1]", "{{ input.zz }}")]


@settings(max_examples=150, deadline=None)
@given(json_values)
@example("one\r\ntwo\r")
def test_any_value_travels_through_a_single_reference_unchanged(value: Any) -> None:
    assert compile_value("{{ input.v }}").render({"input": {"v": value}}) == value
    assert compile_value("-{{ input.v }}").render({"input": {"v": value}}) == "-" + text(value)
    assert compile_value("{% if true %}{{ input.v }}{% endif %}").render({"input": {"v": value}}) == text(
        value
    )


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="{}%[]'\"|.: abinputnodes0123", max_size=40))
def test_no_text_breaks_the_parser(source: str) -> None:
    place = (0, 0)
    try:
        compile_value(source).render(SCOPE)
    except TemplateError as error:
        place = (error.start, error.end)
    assert 0 <= place[0] <= place[1] <= len(source)
