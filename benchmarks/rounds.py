"""Short rounds of everything that takes little time, the floor and the product in turn within each."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

from benchmarks import documents
from benchmarks.client import ASK, Client
from benchmarks.measure import Call, Parts, Samples, alone, cpu_ms, percentile, speed_ms, together

FLOORS = ("aiohttp", "httpx")
IN_FLIGHT = 100
LENGTHS = (10, 100, 1_000)
_MODEL_BODY = {"model": "bench", "messages": [{"role": "user", "content": ASK}]}


@dataclass(frozen=True, slots=True)
class Subjects:
    """Who is asked: the floor, the model itself, the product; and which processes the product consists of."""

    floor: Client
    floor_pid: int
    model: Client
    product: Client
    parts: Parts


@dataclass(frozen=True, slots=True)
class Flows:
    """Ids of the stored flows."""

    chat: str
    slow_chat: str
    join: str
    map: str
    chain_200: str
    chains: dict[int, str]


async def stored(client: Client) -> Flows:
    return Flows(
        chat=await client.store(documents.chat("demo/bench")),
        slow_chat=await client.store(documents.chat("demo/uniform")),
        join=await client.store(documents.branch_and_join()),
        map=await client.store(documents.map_of_sets()),
        chain_200=await client.store(documents.set_chain(200)),
        chains={length: await client.store(documents.set_chain(length)) for length in LENGTHS},
    )


async def one_round(who: Subjects, flows: Flows, found: Samples, only: Collection[str]) -> None:
    """What `only` names of `SECTIONS`, once."""
    found.add("speed", speed_ms())
    for name, measured in SECTIONS.items():
        if name in only:
            await measured(who, flows, found)


async def _floors(who: Subjects, _flows: Flows, found: Samples) -> None:
    parts = {"floor": who.floor_pid}
    for name in FLOORS:

        async def whole(name: str = name) -> None:
            await who.floor.read(f"/{name}")

        async def streamed(name: str = name) -> None:
            await who.floor.read(f"/{name}/stream")

        times = await alone(whole, 60)
        found.add(f"floor.{name}.p50", percentile(times, 0.5))
        found.add(f"floor.{name}.p95", percentile(times, 0.95))
        found.add_rate(f"floor.{name}", await together(whole, parts, for_s=1.0))
        found.add_rate(f"floor.{name}.stream", await together(streamed, parts, for_s=1.0))


async def chats(client: Client, parts: Parts, flow_id: str, found: Samples, prefix: str = "chat") -> None:
    """The chat figures, as `<prefix>.p50` and so on."""

    async def chat() -> None:
        await client.chat(flow_id)

    times = await alone(chat, 60)
    found.add(f"{prefix}.p50", percentile(times, 0.5))
    found.add(f"{prefix}.p95", percentile(times, 0.95))
    found.add_rate(prefix, await together(chat, parts))


async def _chat(who: Subjects, flows: Flows, found: Samples) -> None:
    await chats(who.product, who.parts, flows.chat, found)


async def _streamed(who: Subjects, flows: Flows, found: Samples) -> None:
    async def chat() -> None:
        await who.product.chat_streamed(flows.chat)

    who.product.streams = who.product.streams_without_text = 0
    found.add_rate("stream", await together(chat, who.parts))
    found.add("stream.without_text", 100 * who.product.streams_without_text / who.product.streams)


async def _slow_model(who: Subjects, flows: Flows, found: Samples) -> None:
    body = {**_MODEL_BODY, "model": "uniform"}

    async def model() -> None:
        await who.model.read("/v1/chat/completions", body)

    async def chat() -> None:
        await who.product.chat(flows.slow_chat)

    found.add_rate("floor.slow", await together(model, {}, IN_FLIGHT, for_s=2.0))
    found.add_rate("slow", await together(chat, who.parts, IN_FLIGHT, warm_s=1.0, for_s=3.0))


async def _first_token(who: Subjects, flows: Flows, found: Samples) -> None:
    ask = {"message": ASK, "flow_id": flows.chat}
    raw = [await who.model.first_token_ms("/v1/chat/completions", _MODEL_BODY, b"token0") for _ in range(30)]
    ours = [
        await who.product.first_token_ms("/api/chat", ask, b"step.delta", b"chat.finished") for _ in range(30)
    ]
    raw_ms, ours_ms = percentile(raw[5:], 0.5), percentile(ours[5:], 0.5)
    found.add("token.raw", raw_ms)
    found.add("token.ours", ours_ms)
    found.add("token.over", ours_ms - raw_ms)


async def _runs(who: Subjects, flows: Flows, found: Samples) -> None:
    async def mapped() -> None:
        await who.product.run(flows.map, {"items": list(range(1_000))})

    found.add("join.p50", percentile(await alone(_run(who, flows.join), 40), 0.5))
    found.add("map.p50", percentile(await alone(mapped, 8, warm=2), 0.5))
    found.add("chain.p50", percentile(await alone(_run(who, flows.chain_200), 15), 0.5))


async def _lengths(who: Subjects, flows: Flows, found: Samples) -> None:
    """What one more node costs, in a short chain and in a long one."""
    short, middle, long = LENGTHS
    for length, times in zip(LENGTHS, (40, 30, 12), strict=True):
        call = _run(who, flows.chains[length])
        await alone(call, 0)
        before = cpu_ms(set(who.parts.values()))
        times_ms = await alone(call, times, warm=0)
        found.add(f"chain.{length}", percentile(times_ms, 0.5))
        # The middle of few runs wanders; CPU wanders less.
        found.add(f"chain.{length}.cpu_ms", (cpu_ms(set(who.parts.values())) - before) / times)
    for figure in ("", ".cpu_ms"):
        at = {length: found.last(f"chain.{length}{figure}") for length in LENGTHS}
        found.add(f"node.short{figure}", (at[middle] - at[short]) / (middle - short))
        found.add(f"node.long{figure}", (at[long] - at[middle]) / (long - middle))


def _run(who: Subjects, flow_id: str) -> Call:
    async def run() -> None:
        await who.product.run(flow_id)

    return run


SECTIONS: Mapping[str, Callable[[Subjects, Flows, Samples], Awaitable[None]]] = {
    "floor": _floors,
    "chat": _chat,
    "stream": _streamed,
    "slow": _slow_model,
    "token": _first_token,
    "runs": _runs,
    "lengths": _lengths,
}
