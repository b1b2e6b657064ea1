"""Sentences in the reader's language, and which language that is."""

import pytest

from app.i18n import find, negotiate, t


@pytest.mark.parametrize(
    ("header", "preferred", "locale"),
    [
        (None, "", "en"),
        ("", "", "en"),
        ("ru", "", "ru"),
        ("ru-RU,ru;q=0.9,en;q=0.8", "", "ru"),
        ("en;q=0.3, ru;q=0.4", "", "ru"),
        ("fr, de;q=0.9", "", "en"),
        ("fr, ru;q=0.1", "", "ru"),
        ("ru", "en", "en"),
        ("ru", "xx", "ru"),
        (";;;q=,,=", "", "en"),
    ],
)
def test_the_language_is_the_persons_choice_or_the_browsers_best(
    header: str | None, preferred: str, locale: str
) -> None:
    assert negotiate(header, preferred) == locale


def test_a_sentence_is_filled_and_never_lost() -> None:
    assert t("errors.flow.version_not_found", "en", version=7) == "This flow has no version 7."
    assert "{version}" in t("errors.flow.version_not_found", "ru")
    assert t("no.such.key", "ru") == "no.such.key"
    assert find("no.such.key") is None


def test_a_value_may_have_the_name_of_anything() -> None:
    assert "nodes" in t("errors.flow.duplicate_key", "en", key="nodes")


def test_types_and_comparisons_are_named_in_the_readers_language() -> None:
    said = t("problem.condition.unlike_types", "ru", left="text", right="null | number", op="gte")
    assert said.startswith("Нельзя сравнить текст и ничего или число оператором «не меньше».")
    assert (
        t("errors.map.not_a_list", found="text")
        == "A list was expected, and this came: text. Point it at a list."
    )
    assert "{left:type}" in t("problem.condition.unlike_types", "ru")


def test_nested_files_are_read_by_their_full_key() -> None:
    assert t("logic.if.title", "en") != t("logic.if.title", "ru")
