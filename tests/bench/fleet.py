"""All proxies at once, each ready and checked."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.bench.backend import HUGE, LARGE, SMALL, path_of
from tests.bench.notices import NOTICES, PATH
from tests.bench.peer import Peer
from tests.bench.place import Place
from tests.bench.ready import CannotMeasure, ask, wait_for
from tests.bench.spawn import running
from tests.running import free_ports


@dataclass(frozen=True)
class Running:
    """A proxy that answers."""

    peer: Peer
    process: subprocess.Popen[bytes]
    place: Place

    @property
    def root(self) -> int:
        """The number of the process from which all others of the proxy descend."""
        return self.process.pid


def launch(stack: ExitStack, peer: Peer, folder: Path, backend: int, core: int, ready: str = PATH) -> Running:
    """Start one proxy, to be stopped when the stack is closed. Raises CannotMeasure."""
    folder.mkdir()
    port, admin = free_ports(2)
    place = Place(folder, port, admin, backend)
    for name, text in peer.files(place).items():
        (folder / name).write_text(text, encoding="utf-8")
    log = folder / "log"
    program = running(peer.command(place), frozenset({core}), log=log, env=peer.env(place))
    process = stack.enter_context(program)
    wait_for(process, port, ready, log)
    return Running(peer, process, place)


def check(one: Running) -> None:
    """Compare what it answers with what all must answer, so that like is measured with like."""
    for path, size in ((PATH, SMALL), (path_of(LARGE), LARGE), (path_of(HUGE), HUGE)):
        answer = ask(one.place.port, path)
        if (answer.status, len(answer.body)) != (200, size):
            raise CannotMeasure(f"{one.peer.name}: {path}: {answer.status} with {len(answer.body)} B")
    got = {(name.lower(), value) for name, value in ask(one.place.port, PATH).headers}
    for name, value in NOTICES:
        if ((name.lower(), value) in got) != one.peer.notices:
            raise CannotMeasure(f"{one.peer.name}: {name}: {value} is {'missing' * one.peer.notices}")


def start_all(
    stack: ExitStack, peers: Iterable[Peer], folder: Path, backend: int, core: int, say: Callable[[str], None]
) -> Mapping[str, Running]:
    """Start and check those that are installed; say which are not and what to do."""
    fleet: dict[str, Running] = {}
    for peer in peers:
        if peer.program() is None:
            say(f"{peer.name} is missing and left out: {peer.install()}")
            continue
        say(f"starting {peer.name}")
        fleet[peer.name] = launch(stack, peer, folder / peer.name, backend, core)
        check(fleet[peer.name])
    return fleet
