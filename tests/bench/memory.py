"""How much memory Duskgate adds while large bodies pass, or wait for somebody who stopped reading."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.duskgate import Full
from tests.bench.fleet import Running, launch
from tests.bench.notices import PATH
from tests.bench.plain import LONGEST_SECONDS, MIB, Broken, PlainBackend, PlainCaller, plain_backend, settle
from tests.bench.ready import CannotMeasure, wait_for
from tests.bench.tree import peak_bytes, reset_peaks, resident_bytes

GIB = 1024 * MIB
WAITING = 256 * MIB
TRANSPORTS = ("native", "httpx")
REST_SECONDS = 1.0


def download(caller: PlainCaller, backend: PlainBackend) -> None:
    caller.take(f"/api/v1/{GIB}")


def upload(caller: PlainCaller, backend: PlainBackend) -> None:
    caller.give("/api/v1/take", GIB)


def caller_stops(caller: PlainCaller, backend: PlainBackend) -> None:
    caller.ask(f"/api/v1/{WAITING}")
    settle(backend)


def backend_stops(caller: PlainCaller, backend: PlainBackend) -> None:
    caller.give_in_background("/api/v1/stall", WAITING)
    settle(caller)


CASES: dict[str, Callable[[PlainCaller, PlainBackend], None]] = {
    "download of 1 GiB": download,
    "upload of 1 GiB": upload,
    "caller stops reading, 256 MiB wait": caller_stops,
    "backend stops reading, 256 MiB wait": backend_stops,
}


@dataclass(frozen=True)
class Memory:
    """Resident bytes of the tree: before, and the sum of each process's peak while ``case`` ran.

    ``accepted`` is what the side that still sent got rid of, kernel buffers included.
    """

    case: str
    transport: str
    before: int
    peak: int
    accepted: int

    @property
    def added_mib(self) -> float:
        return (self.peak - self.before) / MIB

    def as_json(self) -> dict[str, Any]:
        return {
            "case": self.case,
            "transport": self.transport,
            "added_mib": round(self.added_mib, 2),
            "before_mib": round(self.before / MIB, 2),
            "accepted_mib": round(self.accepted / MIB, 2),
        }


def measure_all(folder: Path, core: int, say: Callable[[str], None]) -> Iterator[Memory]:
    """Every case by every transport, each on a gateway of its own. Raises CannotMeasure."""
    for transport in TRANSPORTS:
        for number, case in enumerate(CASES):
            say(f"memory, {transport}: {case}")
            try:
                yield measure(folder / f"{transport}-{number}", core, transport, case)
            except (Broken, OSError) as error:
                raise CannotMeasure(f"{transport}: {case}: {error}") from error


def rest(gateway: Running) -> None:
    """Wait until the gateway has nothing left to do for its own start. Raises CannotMeasure."""
    wait_for(gateway.process, gateway.place.admin, "/readyz", gateway.place.folder / "log")
    deadline = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline:
        before = resident_bytes(gateway.root)
        time.sleep(REST_SECONDS)
        if resident_bytes(gateway.root) == before:
            return
    raise CannotMeasure("an idle gateway keeps growing")


def measure(folder: Path, core: int, transport: str, case: str) -> Memory:
    """One case on a gateway that has answered nothing but one small request and is at rest."""
    with ExitStack() as stack:
        backend = stack.enter_context(plain_backend())
        gateway = launch(stack, Full(transport=transport), folder, backend.port, core, ready=PATH)
        rest(gateway)
        reset_peaks(gateway.root)
        before = resident_bytes(gateway.root)
        caller = stack.enter_context(closing(PlainCaller(gateway.place.port)))
        CASES[case](caller, backend)
        peak = peak_bytes(gateway.root)
        accepted = max(caller.moved, backend.moved)
        backend.close()  # else the gateway, asked to stop, gives a backend that stalls time to go on
    return Memory(case, transport, before, peak, accepted)
