"""Large parts of a JSON value: taken out of it, so that they are stored once beside it, and put back.

Where a part was stands null, and a list of places beside the value says what belongs there: `[path, sha256, bytes]`.
Nothing inside a value is ever read as a reference, so no value can look like one.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

LARGE_BYTES: Final = 65_536
Place = list[Any]
_DEEPEST: Final = 12


def dumps(value: Any) -> bytes:
    """JSON as journals write it."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)


@dataclass(slots=True)
class TakenOut:
    """`places` in the order in which the parts were taken out: inner ones first. `texts` are the parts by hash."""

    places: list[Place] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    def of(self, tree: Any, key: Any, path: list[Any]) -> int:
        """Take what is large out of `tree[key]`, which must be plain JSON. Returns how many bytes are left of it.

        The smallest large values go by themselves, so that a value which is handed on inside others is one part.
        """
        value = tree[key]
        written = dumps(value)
        if len(written) <= LARGE_BYTES:
            return len(written)
        before = len(self.places)
        if isinstance(value, dict | list) and len(path) < _DEEPEST:
            keys = list(value) if isinstance(value, dict) else range(len(value))
            left = sum(self.of(value, each, [*path, each]) + len(str(each)) + 4 for each in keys)
            if left <= LARGE_BYTES:
                return left
        if len(self.places) > before:
            written = dumps(value)
        sha256 = hashlib.sha256(written).hexdigest()
        self.texts[sha256] = written.decode()
        self.places.append([path, sha256, len(written)])
        tree[key] = None
        return len("null")


def hashes(places: Iterable[Place]) -> set[str]:
    """The hashes of the parts of these places."""
    return {place[1] for place in places}


def put_back(tree: Any, places: list[Place], parts: "Parts") -> None:
    """Fill the places of `tree`. One that is no longer there, or not empty any more, is passed over."""
    around = {tuple(place[0][:depth]) for place in places for depth in range(1, len(place[0]))}
    for path, sha256, _ in reversed(places):
        holder = _at(tree, path[:-1])
        if holder is None or _at(holder, path[-1:]) is not None:
            continue
        found = parts.fresh(sha256) if tuple(path) in around else parts.shared(sha256)
        if path[-1] in holder if isinstance(holder, dict) else len(holder) > path[-1]:
            holder[path[-1]] = found


def _at(tree: Any, path: list[Any]) -> Any:
    for each in path:
        if isinstance(tree, dict):
            tree = tree.get(each)
        elif isinstance(tree, list) and isinstance(each, int) and each < len(tree):
            tree = tree[each]
        else:
            return None
    return tree


class Parts:
    """Stored parts by hash. A part that many places share is one object, as it was in the run that made it."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts, self._read = texts, dict[str, Any]()

    def shared(self, sha256: str) -> Any:
        if sha256 not in self._read:
            self._read[sha256] = self.fresh(sha256)
        return self._read[sha256]

    def fresh(self, sha256: str) -> Any:
        """One that is filled further, so nobody else may have it."""
        return orjson.loads(self._texts[sha256])
