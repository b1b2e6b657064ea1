"""One budget, many calls at once."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.repositories.spending import Amount
from workers.purse import Empty, Purse


async def call(purse: Purse, cost: Amount, dearest: dict[str, Amount], begun: list[int]) -> bool:
    """One model call as the toll makes it. Whether there was money for it."""
    try:
        held = await purse.reserve(lambda: dearest.get("m"))
    except Empty:
        return False
    begun.append(1)
    await asyncio.sleep(0)
    dearest["m"] = dearest.get("m", cost).at_least(cost)
    purse.settle(held, cost)
    return True


async def test_calls_at_once_overshoot_by_one_and_not_by_all() -> None:
    purse, begun = Purse(1.0), list[int]()
    cost, dearest = Amount(0.4, 1, 10), dict[str, Amount]()
    paid = await asyncio.gather(*(call(purse, cost, dearest, begun) for _ in range(50)))
    assert sum(paid) == 3
    assert purse.spent.usd == pytest.approx(1.2)


async def test_the_first_call_tells_the_price_and_the_others_wait_for_it() -> None:
    purse, begun, dearest = Purse(10), list[int](), dict[str, Amount]()
    first = asyncio.create_task(call(purse, Amount(1), dearest, begun))
    await asyncio.sleep(0)
    second = asyncio.create_task(call(purse, Amount(1), dearest, begun))
    await asyncio.sleep(0)
    assert await first
    assert await second
    assert purse.spent == Amount(2)


async def test_once_a_price_is_known_those_who_waited_go_at_once() -> None:
    purse, dearest, most, under_way = Purse(10), dict[str, Amount](), 0, 0

    async def one() -> None:
        nonlocal most, under_way
        held = await purse.reserve(lambda: dearest.get("m"))
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        dearest["m"] = Amount(1)
        purse.settle(held, Amount(1))

    await asyncio.gather(*(one() for _ in range(6)))
    assert most == 5


async def test_without_a_limit_nobody_waits() -> None:
    purse = Purse()
    async with asyncio.timeout(1):
        for _ in range(20):
            await purse.reserve(lambda: None)


async def test_calls_and_tokens_are_limits_too() -> None:
    purse = Purse()
    purse.learn((None, 2, None), Amount(0, 1, 500))
    await purse.reserve(lambda: Amount(0, 1, 10))
    purse.settle(Amount(0, 1, 10), Amount(0, 1, 10))
    with pytest.raises(Empty) as empty:
        await purse.reserve(lambda: Amount(0, 1, 10))
    assert (empty.value.unit, empty.value.limit) == ("calls", 2)


async def test_a_call_that_failed_gives_its_room_back() -> None:
    purse, dearest = Purse(1.0), {"m": Amount(0.9)}
    await purse.reserve(lambda: dearest["m"])
    waits = asyncio.create_task(purse.reserve(lambda: dearest["m"]))
    await asyncio.sleep(0)
    purse.settle(dearest["m"], Amount())
    await asyncio.wait_for(waits, 1)


async def test_what_is_stored_never_makes_a_process_forget_what_it_spent() -> None:
    purse = Purse(5)
    await purse.reserve(lambda: None)
    purse.settle(Amount(), Amount(3))
    purse.learn((5, None, None), Amount(1))
    assert purse.spent.usd == 3
    purse.learn((5, None, None), Amount(6))
    with pytest.raises(Empty):
        await purse.reserve(lambda: Amount(1))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.floats(0.01, 1), min_size=1, max_size=40),
    st.floats(0.1, 5),
)
def test_whatever_calls_cost_the_overshoot_is_bounded(costs: list[float], limit: float) -> None:
    """Beyond the limit there is at most what the calls cost more than the dearest before them, and one call."""

    async def all_of_them() -> Purse:
        purse, dearest = Purse(limit), {"m": Amount(max(costs), 1, 1)}
        await asyncio.gather(*(call(purse, Amount(cost, 1, 1), dearest, []) for cost in costs))
        return purse

    spent = asyncio.run(all_of_them()).spent.usd
    assert spent <= limit + max(costs) + 1e-9
    assert spent >= min(limit, sum(costs)) - 1e-9, "nobody is turned away while there is money"
