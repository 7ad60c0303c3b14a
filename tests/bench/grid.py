"""What is measured: which proxy under which load."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.bench.backend import HUGE, LARGE, path_of
from tests.bench.caddy import Caddy
from tests.bench.duskgate import Bare, Full, endpoint_path
from tests.bench.envoy import Envoy
from tests.bench.haproxy import Haproxy
from tests.bench.nginx import Nginx
from tests.bench.notices import PATH
from tests.bench.peer import Peer
from tests.bench.tutorial_peer import Tutorial

PEERS: tuple[Peer, ...] = (
    Full(),
    Full("duskgate-log", "Duskgate, full policy, access log on", access_log=True),
    Bare(),
    Tutorial(),
    Nginx(),
    Haproxy(),
    Caddy(),
    Envoy(),
)

COUNTS = (10, 1_000, 10_000)
ENDPOINTS = {count: Full(f"endpoints-{count}", f"{count:,} endpoints", endpoints=count) for count in COUNTS}
ASKED = 10
"""How many endpoints requests go to in turn, spread over the whole list; the same for every length."""


@dataclass(frozen=True)
class Cell:
    """One figure of the tables."""

    section: str
    title: str
    peer: Peer
    paths: Sequence[str]
    connections: int


SECTIONS = {
    "c32": ("32 connections, 200 B", 32, PATH),
    "c1": ("1 connection, 200 B", 1, PATH),
    "c256": ("256 connections, 200 B", 256, PATH),
    "64k": ("32 connections, 64 KiB", 32, path_of(LARGE)),
    "1m": ("32 connections, 1 MiB", 32, path_of(HUGE)),
}
ENDPOINT_SECTION = "endpoints"
TITLES = {name: title for name, (title, _, _) in SECTIONS.items()} | {
    ENDPOINT_SECTION: "Endpoints, 32 connections, 200 B"
}


def grid(*, quick: bool, only: frozenset[str]) -> list[Cell]:
    """The cells of one round, in the order in which they are measured."""
    sections = ["c32"] if quick else list(SECTIONS)
    cells = [cell for name in sections for cell in section(name)]
    if not quick:
        cells += endpoint_cells()
    return [cell for cell in cells if not only or {cell.peer.name, cell.section} & only]


def section(name: str) -> Iterator[Cell]:
    """Every proxy under one load."""
    _, connections, path = SECTIONS[name]
    return (Cell(name, peer.title, peer, [path], connections) for peer in PEERS)


def endpoint_cells() -> Iterator[Cell]:
    """Lists of several lengths of which the same number is asked for, and the longest asked in full."""
    for count, peer in ENDPOINTS.items():
        yield Cell(ENDPOINT_SECTION, f"{peer.title}, {ASKED} of them asked", peer, paths(count, ASKED), 32)
    yield Cell(ENDPOINT_SECTION, f"{peer.title}, all of them asked", peer, paths(count, count), 32)


def paths(count: int, asked: int) -> list[str]:
    """Request paths of so many endpoints, evenly spread over all."""
    step = count // asked
    return [f"/api/v1{endpoint_path(number, str(number))}" for number in range(0, count, step)]


def names() -> list[str]:
    """What ``--only`` takes."""
    return [*(peer.name for peer in PEERS), *TITLES, "memory", "shadow"]
