"""The benchmark's own arithmetic and configurations. Nothing here is timed, and no other proxy is needed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
import yaml

from duskgate.config import load
from tests.bench import backend, shadow, slow, steady, table, wrk
from tests.bench.__main__ import arguments, plan_of
from tests.bench.budgets import budgets
from tests.bench.duskgate import Bare, Full
from tests.bench.envoy import Envoy
from tests.bench.figures import Figures
from tests.bench.grid import ENDPOINTS, PEERS, TITLES, grid, names, paths
from tests.bench.memory import Memory
from tests.bench.notices import NOTICES
from tests.bench.peer import Peer
from tests.bench.place import Place
from tests.bench.plain import MIB, Broken, PlainBackend, PlainCaller, plain_backend, settle
from tests.bench.ready import CannotMeasure
from tests.bench.sample import MOST_ATTEMPTS, Look, Patience, Sample, between, quietest
from tests.bench.spawn import Cores, running
from tests.bench.tree import cpu_seconds, peak_bytes, reset_peaks, resident_bytes, tree

# configurations


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, 8001, 8002, 8003)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_configurations_render(peer: Peer, place: Place) -> None:
    text = "".join(peer.files(place).values()) + json.dumps(dict(peer.env(place)))
    assert "{{" not in text
    if peer.name != "tutorial":
        assert str(place.port) in text
    assert str(place.backend) in text
    if peer.name in ("nginx", "haproxy", "caddy"):
        assert all(name in text and value in text for name, value in NOTICES)


def test_envoy_adds_the_headers(place: Place) -> None:
    bootstrap = json.loads(Envoy().files(place)["envoy.json"])
    (chain,) = bootstrap["static_resources"]["listeners"][0]["filter_chains"]
    routes = chain["filters"][0]["typed_config"]["route_config"]
    added = [(one["header"]["key"], one["header"]["value"]) for one in routes["response_headers_to_add"]]
    assert added == list(NOTICES)


@pytest.mark.parametrize(
    "peer", [Full(), Full(transport="httpx"), Full(access_log=True), Bare(), *shadow.PEERS], ids=repr
)
def test_duskgates_files_load(peer: Peer, place: Place) -> None:
    config = place.folder / "gateway.yaml"
    config.write_text(peer.files(place)["gateway.yaml"], encoding="utf-8")
    assert load(config).warnings == ()


def test_every_endpoint_is_in_the_file(place: Place) -> None:
    document = yaml.safe_load(ENDPOINTS[1_000].files(place)["gateway.yaml"])
    assert len(document["apis"]["accounts"]["endpoints"]) == 1_000


def test_asked_endpoints_are_spread_over_the_list() -> None:
    assert paths(1_000, 2) == [
        "/api/v1/section-0/things-0/0/parts",
        "/api/v1/section-0/things-500/500/parts",
    ]
    assert len(set(paths(10_000, 10_000))) == 10_000


def test_answers_have_the_size_they_are_named_after(tmp_path: Path) -> None:
    for size in (backend.SMALL, backend.LARGE, backend.HUGE):
        assert len(backend.answer(size)) == size
        json.loads(backend.answer(size))
    assert backend.answer(backend.SMALL) in backend.config(tmp_path, 8003)


# what is measured


def test_a_full_run_measures_every_proxy_under_every_load() -> None:
    cells = grid(quick=False, only=frozenset())
    assert {cell.section for cell in cells} == set(TITLES)
    for section in ("c1", "c32", "c256", "64k", "1m"):
        assert [cell.peer for cell in cells if cell.section == section] == list(PEERS)


def test_quick_is_one_load() -> None:
    assert {cell.section for cell in grid(quick=True, only=frozenset())} == {"c32"}


@pytest.mark.parametrize(
    ("only", "cells", "memory", "shadow"),
    [
        ([], 44, True, True),
        (["envoy"], 5, False, False),
        (["c32"], 8, False, False),
        (["memory"], 0, True, False),
        (["endpoints"], 4, False, False),
        (["shadow"], 0, False, True),
    ],
)
def test_only(only: list[str], cells: int, memory: bool, shadow: bool) -> None:
    plan = plan_of(arguments([word for name in only for word in ("--only", name)]))
    assert (len(plan.cells), plan.memory, plan.shadow) == (cells, memory, shadow)


def test_quick_leaves_the_shadow_out() -> None:
    assert not plan_of(arguments(["--quick"])).shadow


@pytest.mark.parametrize("given", [["--only", "apache"], ["--rounds", "0"], ["--seconds", "0"]])
def test_wrong_options(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        arguments(given)
    assert "error" in capsys.readouterr().err


def test_names_are_unique() -> None:
    assert len(names()) == len(set(names()))


# wrk


def test_the_script_asks_for_each_path() -> None:
    assert '{"/a","/b"}' in wrk.script(["/a", "/b"])


def test_failures_are_counted_and_late_answers_are_not() -> None:
    report = "  Socket errors: connect 1, read 2, write 3, timeout 40\n  Non-2xx or 3xx responses: 500\n"
    assert wrk.errors(report) == 506
    assert wrk.errors("  17 requests in 1.00s, 5.00KB read\n") == 0


# samples, medians and ratios


def sample(micros: float, errors: int = 0, others: float = 0.0) -> Sample:
    return Sample(1_000, micros / 1_000, errors, others)


def test_a_sample_is_what_happened_between_two_looks() -> None:
    got = between(Look(100, 1.0, 10.0), Look(1_101, 1.5, 10.625), errors=3)
    assert (got.requests, got.errors, got.sound) == (1_000, 3, True)
    assert (got.micros, got.others) == pytest.approx((500, 0.2))


def test_what_is_left_of_rounding_is_no_other_work() -> None:
    assert between(Look(0, 0.0, 0.0), Look(11, 0.51, 0.5), errors=0).others == 0


@pytest.mark.parametrize(
    ("others", "chosen"),
    [([0.0], 0), ([0.5, 0.05], 1), ([0.5, 0.3, 0.4], 1)],
    ids=["quiet", "then quiet", "noisy"],
)
def test_disturbed_measurements_are_repeated(others: list[float], chosen: int) -> None:
    attempts = [sample(100 + number, others=share) for number, share in enumerate(others)]
    left = iter(attempts)
    assert quietest(lambda: next(left), Patience(10)) is attempts[chosen]
    assert list(left) == []


def test_repeating_has_an_end() -> None:
    patience = Patience(1)
    attempts = iter([sample(100 + number, others=0.5) for number in range(3)])
    assert [quietest(lambda: next(attempts), patience).micros for _ in range(2)] == pytest.approx([100, 102])


def test_a_proxy_that_answers_nothing_cannot_be_measured() -> None:
    attempts = iter([Sample(0, 0.0, 0, 0.0)] * MOST_ATTEMPTS)
    with pytest.raises(CannotMeasure):
        quietest(lambda: next(attempts), Patience(10))


@pytest.fixture
def figures() -> Figures:
    found = Figures()
    for ours, envoy, caddy, tutorial in ((100, 50, 200, 8_000), (300, 100, 300, 9_000), (90, 60, 180, 9_900)):
        found.add("c32", "duskgate", "Duskgate, full policy", sample(ours, errors=2))
        found.add("c32", "envoy", "Envoy", sample(envoy))
        found.add("c32", "caddy", "Caddy", sample(caddy))
        found.add("c32", "tutorial", "Tutorial", sample(tutorial))
        found.add("endpoints", "endpoints-10", "10", sample(ours))
        found.add("endpoints", "endpoints-10000", "10,000", sample(ours * 1.5))
    return found


def test_medians_and_ratios_of_the_same_round(figures: Figures) -> None:
    ours = figures.find("c32", "duskgate")
    assert ours is not None
    assert ours.micros == pytest.approx(100)
    assert ours.spread == pytest.approx((90, 300))
    assert figures.ratios(ours) == pytest.approx({"envoy": 2, "caddy": 0.5, "tutorial": 1 / 80})


MEMORY = [Memory("download", "native", 100 * MIB, 103 * MIB, 0), Memory("upload", "native", 0, 60 * MIB, 0)]


def shadow_rows() -> list[shadow.Row]:
    """One load, three rounds; the second gateway takes half as long again."""
    load = shadow.LOADS[0]
    plain = [shadow.Times(middle, middle, middle, 100) for middle in (100, 200, 400)]
    slower = [shadow.Times(one.middle * 1.5, one.average, one.slow, one.cpu) for one in plain]
    return [shadow.Row(load, "without", plain), shadow.Row(load, "with", slower)]


def test_times_of_many_answers() -> None:
    got = shadow.Times.of([*range(1, 100), 1000], cpu_time=0.02)
    assert got == shadow.Times(50.5, 59.5, 1000, 200)


def test_the_shadows_table_and_json() -> None:
    words = [" ".join(line.split()) for line in table.shadow(shadow_rows())]
    assert "with 300 1.50x 200 1.00x 200 1.00x 100 1.00x" in words
    assert list(table.shadow([])) == []
    first, second = json.loads(json.dumps(shadow.as_json(shadow_rows())))
    assert (first["microseconds"]["median"], second["microseconds"]["median"]) == (200, 300)
    assert [one["median"] for one in second["rounds"]] == [150, 300, 600]


def test_the_steady_caller_keeps_its_rate(tmp_path: Path) -> None:
    with plain_backend() as other:
        times = asyncio.run(steady.measure(other.port, 200, 0.5))
    assert 50 <= len(times) <= 110
    assert min(times) > 0


def test_the_slow_backend_takes_its_time_and_answers_both_versions_alike(tmp_path: Path) -> None:
    with (
        shadow.slow_backend(tmp_path, Cores.of_this_process()) as port,
        httpx.Client(trust_env=False) as client,
    ):
        answers = [client.get(f"http://127.0.0.1:{port}/api/{version}/x") for version in ("v1", "v2")]
    assert all(one.elapsed.total_seconds() >= slow.WAIT_SECONDS for one in answers)
    first, second = answers
    assert len(first.content) == backend.SMALL
    assert first.json() == second.json()
    assert first.content != second.content


def test_budgets(figures: Figures) -> None:
    got = [(one.verdict, one.measured) for one in budgets(figures, MEMORY, shadow_rows())]
    assert got == [
        ("missed", pytest.approx(2)),
        ("met", pytest.approx(0.5)),
        ("met", pytest.approx(1 / 80)),
        ("missed", pytest.approx(1.5)),
        ("missed", pytest.approx(60)),
        ("not measured", None),
        ("missed", pytest.approx(1.5)),
        ("not measured", None),
        ("not measured", None),
    ]
    assert {one.verdict for one in budgets(Figures(), [])} == {"not measured"}


def test_tables(figures: Figures) -> None:
    lines = [*table.cpu(figures), *table.memory(MEMORY), *table.budgets(list(budgets(figures, MEMORY)))]
    words = [" ".join(line.split()) for line in lines]
    assert "Duskgate, full policy 100.0 90.0-300.0 2.00x 0.50x 1/80 6 failed" in words
    assert "10,000 150.0 135.0-450.0 1.50x" in words
    assert "download native 100 3.0" in words
    assert "memory added at most, native transport 48.0 MiB 60.0 MiB missed" in words
    assert list(table.cpu(Figures())) == []


def test_figures_as_json(figures: Figures) -> None:
    first = json.loads(json.dumps(figures.as_json()))[0]
    assert first["ratios"] == {"envoy": 2.0, "caddy": 0.5, "tutorial": 0.0125}
    assert [one["microseconds"] for one in first["rounds"]] == [100, 300, 90]


# processes

BURN = """
import time
while time.process_time() < 0.3: pass
print("burnt", flush=True)
time.sleep(60)
"""
FAMILY = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"


@pytest.fixture(scope="module")
def family() -> Iterator[subprocess.Popen[bytes]]:
    """A process whose child has used 0.3 s of CPU time and waits."""
    cores = frozenset(os.sched_getaffinity(0))
    with running([sys.executable, "-c", FAMILY, BURN], cores) as root:
        assert root.stdout is not None
        assert root.stdout.readline() == b"burnt\n"
        yield root
        root.stdout.close()


def test_a_childs_cpu_time_counts(family: subprocess.Popen[bytes]) -> None:
    root, child = tree(family.pid)
    assert (root.pid, child.parent) == (family.pid, family.pid)
    assert cpu_seconds(family.pid) >= 0.3
    assert cpu_seconds(family.pid) >= cpu_seconds(child.pid) >= 0.28


def test_memory_of_the_whole_tree_counts(family: subprocess.Popen[bytes]) -> None:
    _, child = tree(family.pid)
    reset_peaks(family.pid)
    assert resident_bytes(family.pid) > resident_bytes(child.pid) > 0
    assert peak_bytes(family.pid) >= resident_bytes(child.pid)


def test_everything_is_ended(family: subprocess.Popen[bytes]) -> None:
    before = tree(family.pid)
    with running([sys.executable, "-c", "input()"], frozenset(os.sched_getaffinity(0))) as other:
        assert other.stdout is not None
        other.stdout.close()
    assert tree(other.pid) == []
    assert [one.pid for one in tree(family.pid)] == [one.pid for one in before]


def test_strays_are_ended() -> None:
    ends_strays = """
import os, subprocess, sys
from tests.bench.spawn import stop_strays
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
stop_strays()
print(child.wait())
"""
    said = subprocess.run([sys.executable, "-c", ends_strays], capture_output=True, text=True, check=True)
    assert said.stdout == "-15\n"


def test_programs_start_on_their_core() -> None:
    core = max(os.sched_getaffinity(0))
    say = "import os; print(sorted(os.sched_getaffinity(0)), flush=True); import time; time.sleep(60)"
    with running([sys.executable, "-c", say], frozenset({core})) as program:
        assert program.stdout is not None
        assert program.stdout.readline().split() == [f"[{core}]".encode()]
        program.stdout.close()
    cores = Cores.of_this_process()
    assert cores.proxy in os.sched_getaffinity(0)


# the caller and the backend that can stop reading


@pytest.fixture
def direct() -> Iterator[tuple[PlainCaller, PlainBackend]]:
    with plain_backend() as other, closing(PlainCaller(other.port)) as caller:
        yield caller, other


def test_bodies_both_ways(direct: tuple[PlainCaller, PlainBackend]) -> None:
    caller, other = direct
    caller.take(f"/api/v1/{4 * MIB}")
    assert caller.moved == other.moved == 4 * MIB
    caller.give("/api/v1/take", 4 * MIB)
    assert caller.moved == other.moved == 8 * MIB


def test_a_caller_that_stops_reading_holds_the_backend_up(direct: tuple[PlainCaller, PlainBackend]) -> None:
    caller, other = direct
    caller.ask(f"/api/v1/{256 * MIB}")
    settle(other)
    assert 0 < other.moved < 256 * MIB


def test_a_backend_that_stops_reading_holds_the_caller_up(direct: tuple[PlainCaller, PlainBackend]) -> None:
    caller, other = direct
    caller.give_in_background("/api/v1/stall", 256 * MIB)
    settle(caller)
    assert 0 < caller.moved < 256 * MIB
    assert other.moved == 0


def test_a_body_cut_short_is_an_error(direct: tuple[PlainCaller, PlainBackend]) -> None:
    caller, other = direct
    caller.ask(f"/api/v1/{64 * MIB}")
    other.close()
    with pytest.raises((Broken, OSError)):
        caller.take(f"/api/v1/{MIB}")
