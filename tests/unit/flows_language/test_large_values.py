"""What is taken out of a value comes back to the same place, whatever the value looks like."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.flows.large_values import LARGE_BYTES, Parts, TakenOut, dumps, put_back

BIG = "x" * LARGE_BYTES
LIST = [{"n": number, "text": "y" * 20} for number in range(5_000)]


def stored(value: Any) -> tuple[Any, TakenOut]:
    tree, out = {"output": orjson.loads(dumps(value))}, TakenOut()
    out.of(tree, "output", ["output"])
    return tree, out


def there_and_back(value: Any) -> Any:
    tree, out = stored(value)
    tree, places = orjson.loads(dumps([tree, out.places]))
    put_back(tree, places, Parts(out.texts))
    return tree["output"]


@pytest.mark.parametrize(
    "value",
    [
        BIG,
        LIST,
        {"a": BIG, "b": {"c": [1, BIG, None]}},
        {"rest": LIST, "inner": {"text": BIG}},
        [LIST, LIST, {"again": LIST}],
        {"": BIG, "a.b": BIG, "0": [BIG]},
        {"$blob": "0" * 64, "size": 9, "blobs": [["output"], "0" * 64, 1], "text": BIG},
    ],
    ids=range(7),
)
def test_what_is_taken_out_comes_back(value: Any) -> None:
    tree, out = stored(value)
    assert len(dumps(tree)) < LARGE_BYTES
    assert out.places
    assert there_and_back(value) == value


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from([BIG, BIG + "ё", "small"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)


@given(json_values)
def test_any_value_comes_back(value: Any) -> None:
    assert there_and_back(value) == value


def test_a_value_inside_two_others_is_one_part() -> None:
    _, first = stored({"body": LIST, "status": 200})
    _, second = stored({"kept": {"deep": LIST}})
    assert set(first.texts) == set(second.texts)
    assert len(first.texts) == 1


def test_a_rest_that_two_values_share_keeps_their_own_inner_parts() -> None:
    """What is around a part may be alike where the part is not."""
    one, other = {"part": BIG + "1", "rest": LIST}, {"part": BIG + "2", "rest": LIST}
    tree, out = {"a": orjson.loads(dumps(one)), "b": orjson.loads(dumps(other))}, TakenOut()
    for name in tree:
        out.of(tree, name, [name])
    put_back(tree, out.places, Parts(out.texts))
    assert tree == {"a": one, "b": other}


def test_a_small_value_stays_as_it_is() -> None:
    tree, out = stored({"a": "x" * 60_000})
    assert (out.places, out.texts) == ([], {})
    assert tree["output"]["a"].startswith("x")
