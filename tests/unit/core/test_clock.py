"""Time that can be held, and ids that sort by it."""

from datetime import UTC, datetime

from app.core.clock import held, new_id, now, token


def test_time_stands_still_while_it_is_held() -> None:
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    with held(moment):
        assert now() == moment
    assert now() != moment


def test_ids_are_uuid7_in_the_order_they_were_made() -> None:
    ids = [new_id() for _ in range(2_000)]
    assert len(set(ids)) == 2_000
    assert {each.version for each in ids} == {7}
    assert [each.int >> 76 for each in ids] == sorted(each.int >> 76 for each in ids)


def test_tokens_are_long_and_different() -> None:
    assert len({token() for _ in range(100)}) == 100
    assert len(token()) >= 43
