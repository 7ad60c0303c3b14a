"""A whole run: every proxy in turn, round after round, then memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench import memory
from tests.bench.backend import Backend, backend
from tests.bench.figures import Figures
from tests.bench.fleet import Running, start_all
from tests.bench.grid import Cell
from tests.bench.sample import measure, quietest
from tests.bench.spawn import Cores

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What to measure and for how long."""

    cells: Sequence[Cell]
    memory: bool
    rounds: int
    seconds: float


def cpu(plan: Plan, folder: Path, cores: Cores, say: Say) -> Figures:
    """Measure every cell in every round: A B C, A B C, so that a slow minute hits all of them."""
    figures = Figures()
    if not plan.cells:
        return figures
    with ExitStack() as stack:
        answers = stack.enter_context(backend(folder / "backend", cores.load))
        peers = {cell.peer.name: cell.peer for cell in plan.cells}
        fleet = start_all(stack, peers.values(), folder, answers.port, cores.proxy, say)
        for number in range(1, plan.rounds + 1):
            for cell in plan.cells:
                if cell.peer.name in fleet:
                    say(f"round {number} of {plan.rounds}: {one(cell, fleet, answers, plan, cores, figures)}")
    return figures


def one(
    cell: Cell, fleet: Mapping[str, Running], answers: Backend, plan: Plan, cores: Cores, figures: Figures
) -> str:
    """Measure one cell, note it, and say it in words."""
    proxy = fleet[cell.peer.name]
    attempt = partial(
        measure,
        proxy.root,
        proxy.place.port,
        cell.paths,
        cell.connections,
        plan.seconds,
        backend=answers,
        cores=cores,
        folder=proxy.place.folder,
    )
    sample = quietest(attempt)
    figures.add(cell.section, cell.peer.name, cell.title, sample)
    return f"{cell.section}, {cell.title}: {sample.micros:.1f} µs"


def resident(plan: Plan, folder: Path, cores: Cores, say: Say) -> list[memory.Memory]:
    """Measure memory, if that is asked for."""
    return list(memory.measure_all(folder, cores.proxy, say)) if plan.memory else []
