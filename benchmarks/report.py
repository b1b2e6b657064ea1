"""The figures as tables, and their places in the documentation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Samples, Spread

_PARTS = ("worker", "web", "postgres", "valkey", "demo_llm")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: its goal (`most` or `least`), the figures of the floor (`name, key`) and the CPU beside it."""

    label: str
    key: str
    unit: str = "ms"
    most: float | None = None
    least: float | None = None
    floors: tuple[tuple[str, str], ...] = ()
    cpu: str = ""


def _floors(stem: str, figure: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, f"floor.{name}{stem}.{figure}") for name in ("aiohttp", "httpx"))


def _empty(figure: str) -> tuple[tuple[str, str], ...]:
    return (("an empty database", f"empty.{figure}"),)


SHORT: Sequence[Row] = (
    Row("chat run through the API, p50 at 1", "chat.p50", most=12, floors=_floors("", "p50")),
    Row("the same, p95 at 1", "chat.p95", floors=_floors("", "p95")),
    Row("the same, at 50", "chat.per_s", "runs/s", least=350, floors=_floors("", "per_s"), cpu="chat"),
    Row(
        "the same streamed and read to the end, at 50",
        "stream.per_s",
        "runs/s",
        least=250,
        floors=_floors(".stream", "per_s"),
        cpu="stream",
    ),
    Row("of these: ended before their reader came, so without pieces", "stream.without_text", "%"),
    Row(
        "a model that takes 50–350 ms, 100 in flight, one worker process",
        "slow.per_s",
        "runs/s",
        least=250,
        floors=(("the model", "floor.slow.per_s"),),
        cpu="slow",
    ),
    Row("first token over the raw call, p50", "token.over", most=12, floors=(("the raw call", "token.raw"),)),
    Row("chain of 200 `logic.set` with templates, p50", "chain.p50", most=25),
    Row("four branches and their join, p50", "join.p50", most=12),
    Row("map over 1,000 items through `logic.set`, p50", "map.p50", most=100),
    Row("chain of 10 nodes, p50", "chain.10", cpu="chain.10"),
    Row("chain of 100 nodes, p50", "chain.100", cpu="chain.100"),
    Row("chain of 1,000 nodes, p50", "chain.1000", cpu="chain.1000"),
    Row("each node more, from 10 to 100 nodes", "node.short", cpu="node.short"),
    Row("each node more, from 100 to 1,000 nodes (the same is flat)", "node.long", cpu="node.long"),
    Row("second start with data, until ready", "second_start", "s"),
    Row("CPU of a fixed piece of Python, to compare machines", "speed"),
)


LONG: Sequence[Row] = (
    Row("the whole product left alone, CPU a minute", "idle", "s", most=1),
    Row("the same with an editor open", "idle.editor", "s"),
    Row("runs that wait, held by one worker process", "waiting.held", "runs", least=100_000),
    Row("the worker's memory, more than before", "waiting.memory", "MB", most=50),
    Row("CPU of everything, more than before", "waiting.more_cpu", "ms/s", most=1),
    Row("runs driven until they wait, 10 callers", "waiting.driven_per_s", "runs/s"),
    Row("from due to ended, p50 of 20 among them", "waiting.few.p50", "s", most=2),
    Row("the same, the last of the 20", "waiting.few.max", "s", most=2),
    Row("1,000 due at one moment, until the last has ended", "waiting.burst.max", "s"),
    Row("chat run beside a million finished runs, p50 at 1", "million.p50", floors=_empty("p50")),
    Row("the same, p95 at 1", "million.p95", floors=_empty("p95")),
    Row("the same, at 50", "million.per_s", "runs/s", floors=_empty("per_s"), cpu="million"),
    Row("CPU of a chat run, to that on an empty database", "million.times", "times", most=1.1),
    Row("finished runs in the database", "million.rows", "runs"),
    Row("its size", "million.gb", "GB"),
)


def table(rows: Sequence[Row], found: Samples) -> str:
    """Markdown, of the rows that were measured. A figure in bold misses its goal."""
    lines = ["| | goal | floor | median | min–max | CPU ms a run |", "|---|---|---|---|---|---|"]
    for row in (each for each in rows if each.key in found):
        spread = found.spread(row.key)
        known = [(name, found.spread(key)) for name, key in row.floors if key in found]
        floors = ", ".join(f"{_number(each.median)} ({name})" for name, each in known)
        cpu = _number(found.spread(f"{row.cpu}.cpu_ms").median) if row.cpu else ""
        value = f"{_number(spread.median)} {row.unit}"
        lines.append(
            f"| {row.label} | {_goal(row)} | {floors} | {value if _met(row, spread) else f'**{value}**'} "
            f"| {_between(spread)} | {cpu} |"
        )
    return "\n".join(lines)


def cpu_by_part(names: Mapping[str, str], found: Samples) -> str:
    """Markdown: where the CPU of a run goes. `names` are keys of rates, and what to call them."""
    return _by_part("CPU ms a run", {f"{key}.cpu_ms": label for key, label in names.items()}, found)


def idle_by_part(names: Mapping[str, str], found: Samples) -> str:
    """Markdown: where the CPU goes while nothing is asked."""
    return _by_part("CPU", names, found)


def times_table(title: str, sides: Sequence[str], labels: Sequence[str], found: Samples) -> str:
    """Markdown: the figures `<side>.<label>` side by side."""
    lines = [f"| {title} | {' | '.join(sides)} |", "|---|" + "---|" * len(sides)]
    for label in labels:
        known = [_number(found.spread(f"{side}.{label}").median) for side in sides]
        lines.append(f"| {label} | {' | '.join(known)} |")
    return "\n".join(lines)


def _by_part(title: str, names: Mapping[str, str], found: Samples) -> str:
    known = {key: label for key, label in names.items() if key in found}
    parts = [part for part in _PARTS if any(f"{key}.{part}" in found for key in known)]
    lines = [f"| {title} | {' | '.join(parts)} |", "|---|" + "---|" * len(parts)]
    for key, label in known.items():
        keys = [f"{key}.{part}" for part in parts]
        spent = [_number(found.spread(each).median) if each in found else "" for each in keys]
        lines.append(f"| {label} | {' | '.join(spent)} |")
    return "\n".join(lines)


def _goal(row: Row) -> str:
    if row.most is not None:
        return f"≤ {row.most:,g} {row.unit}"
    return f"≥ {row.least:,g} {row.unit}" if row.least is not None else ""


def _met(row: Row, spread: Spread) -> bool:
    return (row.most is None or spread.median <= row.most) and (
        row.least is None or spread.median >= row.least
    )


def _between(spread: Spread) -> str:
    """Nothing for what was measured once."""
    return "" if spread.low == spread.high else f"{_number(spread.low)}–{_number(spread.high)}"


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


def write(path: Path, name: str, text: str) -> None:
    """Put `text` between the marks of `name`, everything around it untouched."""
    begin, end = f"<!-- {name}: written by `make bench` -->", f"<!-- end of {name} -->"
    before = path.read_text(encoding="utf-8")
    head, found, rest = before.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{path} has no place for {name}")
    path.write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8")
