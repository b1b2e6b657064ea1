"""The figures as a table, and their place in the documentation."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Figures

BEGIN, END = "<!-- figures: written by `make bench` -->", "<!-- end of figures -->"


@dataclass(frozen=True, slots=True)
class Report:
    floors: dict[str, Figures]
    chat: Figures
    raw_first_token_ms: float
    first_token_ms: float
    chain_200_ms: float
    join_ms: float
    map_1000_ms: float
    second_start_s: float

    def table(self, machine: str) -> str:
        """Markdown. The client and the model run on the same cores."""
        rows = [(f"floor: FastAPI + {name}", found) for name, found in self.floors.items()]
        rows.append(("**chat run through the API**", self.chat))
        lines = [
            f"One run of `make bench`, {machine}, a zero-latency model and the client on the same cores.",
            "",
            "| | p50 / p95 ms at 1 | runs/s at 50 | CPU ms a run |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {name} | {each.p50_ms:.1f} / {each.p95_ms:.1f} | {each.per_s:.0f} | {each.cpu_ms:.1f} |"
            for name, each in rows
        ]
        overhead = self.first_token_ms - self.raw_first_token_ms
        lines += [
            "",
            "| | |",
            "|---|---|",
            f"| first streamed token: the model alone | {self.raw_first_token_ms:.1f} ms |",
            f"| first streamed token: a chat run | {self.first_token_ms:.1f} ms (+{overhead:.1f}) |",
            f"| chain of 200 `logic.set` nodes with a template, p50 | {self.chain_200_ms:.1f} ms |",
            f"| four branches and their join, p50 | {self.join_ms:.1f} ms |",
            f"| map over 1,000 items through `logic.set`, p50 | {self.map_1000_ms:.1f} ms |",
            f"| second start with data, until ready | {self.second_start_s:.1f} s |",
        ]
        return "\n".join(lines)


def write(path: Path, table: str) -> None:
    """Put the table between the marks, everything around it untouched."""
    text = path.read_text(encoding="utf-8") if path.exists() else f"# Performance\n\n{BEGIN}\n{END}\n"
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    path.write_text(f"{head}{BEGIN}\n{table}\n{END}{tail}", encoding="utf-8")
