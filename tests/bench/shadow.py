"""What a shadow adds to the time of answers: with and without one in turn, under the same steady load."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

from tests.bench.backend import backend
from tests.bench.duskgate import Full
from tests.bench.fleet import Running, launch
from tests.bench.place import Place
from tests.bench.ready import CannotMeasure, wait_for
from tests.bench.slow import WAIT_SECONDS
from tests.bench.spawn import Cores, running
from tests.bench.tree import cpu_seconds
from tests.running import free_ports

SHARE = "10%"


@dataclass(frozen=True)
class Load:
    """So many requests a second, of a backend that answers at once or one that is ``slow``."""

    rate: int
    slow: bool = False

    @property
    def title(self) -> str:
        backend = f", backend takes {WAIT_SECONDS * 1000:.0f} ms" if self.slow else ""
        return f"{self.rate:,} a second{backend}"


LOADS = (Load(500), Load(2_000), Load(200, slow=True))
"""What a core does with ease, about half of what it can do, and what hardly needs it: of the first two,
answers are so short that a copy's own work for the same core shows; of the last, only waiting would.
"""
SECONDS = 1.5
TURNS = 4
"""Rounds for one of the other tables': small differences want more of them."""


@dataclass(frozen=True)
class Shadowed(Full):
    """The full policy, with a share of the requests copied to the next version and compared."""

    name: str = "duskgate-shadow"
    title: str = f"with a shadow of {SHARE}"
    shadow: str = f"{{to: v2, sample: {SHARE}}}"

    def files(self, place: Place) -> Mapping[str, str]:
        files = super().files(place)
        version = "        backend: one\n"
        text = files["gateway.yaml"].replace(version, f"{version}        shadow: {self.shadow}\n", 1)
        return {**files, "gateway.yaml": text}


UNBOUND = f"{{to: v2, sample: {SHARE}, rate: 10000, concurrency: 256}}"
PEERS: tuple[Full, ...] = (
    Full(title="without a shadow"),
    Shadowed(),
    Shadowed("duskgate-unbound", f"with a shadow of {SHARE}, its rate lifted", shadow=UNBOUND),
    Full(name="duskgate-again", title="without a shadow, again"),
)
"""The last one shows how far two measurements of the same thing lie apart."""


@dataclass(frozen=True)
class Times:
    """One measurement: how long answers took, and the CPU time a request, in microseconds."""

    middle: float
    average: float
    slow: float
    cpu: float

    @classmethod
    def of(cls, times: Sequence[float], cpu_time: float) -> Times:
        ordered = sorted(times)
        return cls(
            median(ordered), mean(ordered), ordered[len(ordered) * 99 // 100], cpu_time / len(ordered) * 1e6
        )

    def value(self, word: str) -> float:
        found: float = getattr(self, word)
        return found


WORDS = {"middle": "median", "average": "mean", "slow": "99 %", "cpu": "CPU"}


@dataclass
class Row:
    """One gateway at one rate, over all rounds."""

    load: Load
    title: str
    rounds: list[Times]

    def value(self, word: str) -> float:
        """The median over the rounds."""
        return median(one.value(word) for one in self.rounds)

    def ratio(self, other: Row, word: str) -> float:
        """The median over rounds of this one's value by the other's in the same round."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return median(mine.value(word) / theirs.value(word) for mine, theirs in pairs)


def measure(
    folder: Path, cores: Cores, rounds: int, say: Callable[[str], None], loads: Sequence[Load] = LOADS
) -> list[Row]:
    """Every gateway under every load in every round, in turns. May raise CannotMeasure."""
    rows = {(load, peer.name): Row(load, peer.title, []) for load in loads for peer in PEERS}
    folder.mkdir()
    with ExitStack() as stack:
        fleets = {
            slow: _fleet(stack, folder / ("slow" if slow else "quick"), cores, slow=slow)
            for slow in {load.slow for load in loads}
        }
        for number in range(rounds):
            for load in loads:
                turn = number % len(PEERS)
                for peer in (*PEERS[turn:], *PEERS[:turn]):
                    one = fleets[load.slow][peer.name]
                    before = cpu_seconds(one.root)
                    times = ask(one.place.port, load.rate, cores)
                    got = Times.of(times, cpu_seconds(one.root) - before)
                    rows[load, peer.name].rounds.append(got)
                    say(f"round {number + 1} of {rounds}: {load.title}, {peer.title}: {got.middle:.0f} µs")
    return list(rows.values())


def _fleet(stack: ExitStack, folder: Path, cores: Cores, *, slow: bool) -> dict[str, Running]:
    """Every gateway, in front of one of the two backends."""
    folder.mkdir()
    port = (
        stack.enter_context(slow_backend(folder, cores))
        if slow
        else stack.enter_context(backend(folder / "backend", cores.load)).port
    )
    return {peer.name: launch(stack, peer, folder / peer.name, port, cores.proxy) for peer in PEERS}


@contextmanager
def slow_backend(folder: Path, cores: Cores) -> Iterator[int]:
    """The slow backend's port, until the block ends."""
    (port,) = free_ports(1)
    log = folder / "slow.log"
    with running([sys.executable, "-m", "tests.bench.slow", str(port)], cores.load, log=log) as process:
        wait_for(process, port, "/", log)
        yield port


def ask(port: int, rate: int, cores: Cores) -> list[float]:
    """The times of the answers at a steady rate. Raises CannotMeasure."""
    command = [sys.executable, "-m", "tests.bench.steady", str(port), str(rate), str(SECONDS)]
    with running(command, cores.load) as caller:
        said, _ = caller.communicate(timeout=60)
    try:
        times: list[float] = json.loads(said)
    except json.JSONDecodeError:
        raise CannotMeasure(f"the caller failed: {said.decode(errors='replace')[-2000:]}") from None
    if len(times) < rate * SECONDS / 2:
        raise CannotMeasure(f"only {len(times)} answers at {rate} a second")
    return times


def added(rows: Sequence[Row], load: Load) -> float | None:
    """How many times as long answers take with a shadow as without; ``None`` if that was not measured."""
    mine = [row for row in rows if row.load == load]
    return mine[1].ratio(mine[0], "middle") if mine else None


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [
        {
            "rate": row.load.rate,
            "slow backend": row.load.slow,
            "row": row.title,
            "microseconds": {name: round(row.value(word), 1) for word, name in WORDS.items()},
            "rounds": [
                {name: round(getattr(one, word), 1) for word, name in WORDS.items()} for one in row.rounds
            ],
        }
        for row in rows
    ]
