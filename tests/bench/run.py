"""A whole run: every proxy in turn, round after round, then memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench import memory, shadow
from tests.bench.backend import Backend, backend
from tests.bench.figures import Figures
from tests.bench.fleet import Running, start_all
from tests.bench.grid import Cell
from tests.bench.sample import Patience, Sample, quietest, watch
from tests.bench.spawn import Cores
from tests.bench.wrk import load

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What to measure and for how long."""

    cells: Sequence[Cell]
    memory: bool
    shadow: bool
    rounds: int
    seconds: float


def cpu(plan: Plan, folder: Path, cores: Cores, say: Say) -> Figures:
    """Measure every cell in every round: A B C, A B C, so that a slow minute hits all of them."""
    figures = Figures()
    if not plan.cells:
        return figures
    patience = Patience(plan.rounds * len(plan.cells) // 4)
    with ExitStack() as stack:
        answers = stack.enter_context(backend(folder / "backend", cores.load))
        peers = {cell.peer.name: cell.peer for cell in plan.cells}
        fleet = start_all(stack, peers.values(), folder, answers.port, cores.proxy, say)
        for number in range(1, plan.rounds + 1):
            for cell in plan.cells:
                if cell.peer.name in fleet:
                    attempt = partial(once, cell, fleet[cell.peer.name], answers, plan.seconds, cores)
                    sample = quietest(attempt, patience)
                    figures.add(cell.section, cell.peer.name, cell.title, sample)
                    got = f"{cell.section}, {cell.title}: {sample.micros:.1f} µs"
                    say(f"round {number} of {plan.rounds}: {got}")
    return figures


def once(cell: Cell, proxy: Running, answers: Backend, seconds: float, cores: Cores) -> Sample:
    """Measure one cell once."""
    place = proxy.place
    with load(place.port, cell.paths, cell.connections, cores.load, place.folder) as standing:
        return watch(standing, proxy.root, answers, cores.proxy, seconds)


def resident(plan: Plan, folder: Path, cores: Cores, say: Say) -> list[memory.Memory]:
    """Measure memory, if that is asked for."""
    return list(memory.measure_all(folder, cores.proxy, say)) if plan.memory else []


def shadowed(plan: Plan, folder: Path, cores: Cores, say: Say) -> list[shadow.Row]:
    """Measure what a shadow adds, if that is asked for."""
    return shadow.measure(folder / "shadow", cores, plan.rounds * shadow.TURNS, say) if plan.shadow else []
