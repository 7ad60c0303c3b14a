"""``duskgate plan``: what it tells of a file, as a table, as JSON and as a drawing.

``plan/plan.txt``, ``.json`` and ``.svg`` are what it says of ``plan/plan.yaml`` at a moment;
``DUSKGATE_UPDATE=1`` writes them anew; read the difference before you keep it.
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from duskgate.cli.common import in_words, one_line
from duskgate.cli.main import main
from duskgate.cli.time_grid import MOST_LINES, grid
from duskgate.cli.timeline_svg import MOST_ROWS, Row, View, drawing, segments
from duskgate.policy.instants import FIRST_MS, LAST_MS
from duskgate.policy.lifecycle import Grace, Lifecycle, Phase, Window
from duskgate.policy.timeline import Event, Kind, events, where
from tests.policy.world import ms, one_api, plan_of, rule

HERE = Path(__file__).parent / "plan"
SAMPLE = HERE / "plan.yaml"
AT = "2026-11-24T04:00:00Z"

SVG = "{http://www.w3.org/2000/svg}"


def run(*arguments: str | Path, config: Path = SAMPLE, at: str = AT) -> Result:
    result = CliRunner().invoke(main, ["plan", str(config), "--at", at, *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def changes(*arguments: str, config: Path = SAMPLE, at: str = AT) -> list[dict[str, object]]:
    found = json.loads(run("--json", *arguments, config=config, at=at).stdout)["changes"]
    assert isinstance(found, list)
    return found


# golden files


def kept(found: str, golden: Path) -> None:
    if os.environ.get("DUSKGATE_UPDATE") == "1":
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")


def test_the_table_of_the_sample() -> None:
    kept(run().stdout, HERE / "plan.txt")


def test_the_json_of_the_sample() -> None:
    kept(run("--json").stdout, HERE / "plan.json")


def test_the_drawing_of_the_sample(tmp_path: Path) -> None:
    assert run("--svg", tmp_path / "plan.svg").exit_code == 0
    kept((tmp_path / "plan.svg").read_text(encoding="utf-8"), HERE / "plan.svg")


# what is in it

ALL = 25
"""The changes of the sample, brownouts counted twice: where they begin and where they end."""

SELECTED = [
    ([], 22),
    (["--past"], ALL),
    (["--past", "--until", "2026-10-01"], 1),
    (["--past", "--until", "2026-10-01T00:00:00.001Z"], 2),
    (["--until", "2026-12-01T14:00:00Z"], 1),
    (["--for", "7d10h"], 1),
    (["--for", "7d10h1ms"], 2),
    (["--for", "1m"], 0),
    (["--api", "billing"], 5),
    (["--api", "billing", "--api", "accounts", "--past"], ALL),
]


@pytest.mark.parametrize(("options", "number"), SELECTED, ids=[" ".join(case[0]) for case in SELECTED])
def test_what_is_selected(options: list[str], number: int) -> None:
    found = changes(*options)
    assert len(found) == number
    assert [one["at_ms"] for one in found] == sorted(one["at_ms"] for one in found)  # type: ignore[type-var]
    assert run(*options).exit_code == 0


def test_a_brownout_is_one_row_and_two_changes() -> None:
    table = run().stdout
    began = [one for one in changes() if one["kind"] == "brownout"]
    ended = [one for one in changes() if one["kind"] == "brownout-ends"]
    assert len(began) == 3
    assert [one["brownout"] for one in ended][1:] == [one["brownout"] for one in began]
    assert table.count(" brownout  ") == 3
    assert table.count("brownout ends") == 1, "the one that is on now began before"
    assert run("--past").stdout.count("brownout ends") == 0


def test_a_change_that_is_now_is_a_coming_one() -> None:
    assert run(at="2027-12-01").stdout.splitlines()[1].split() == [
        *("2027-12-01T00:00:00Z", "now", "accounts", "v2", "sunset", "410", "Gone")
    ]
    assert run(at="2027-12-01T00:00:00.001Z").stdout == "no change\n"
    assert changes(at="2027-12-01T00:00:00.001Z") == []


def test_what_lies_behind_says_how_long_ago() -> None:
    assert "84 d 4 h ago" in run("--past").stdout


WRONG = [
    (["--at", "soon"], "--at: 'soon' is not a date"),
    (["--until", "2027-02-30"], "--until: '2027-02-30'"),
    (["--for", "90"], "--for: '90' is not a length of time"),
    (["--for", "1d", "--until", "2027-01-01"], "give one of them"),
    (["--until", AT], "nothing comes before 2026-11-24T04:00:00Z"),
    (["--api", "acounts"], "did you mean 'accounts'?"),
    (["--svg", "/nowhere/plan.svg"], "--svg: /nowhere/plan.svg cannot be written"),
]


@pytest.mark.parametrize(("options", "said"), WRONG, ids=[" ".join(case[0]) for case in WRONG])
def test_wrong_input(options: list[str], said: str) -> None:
    result = run(*options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_a_broken_file_is_wrong_input(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("apis: [")
    assert run(config=tmp_path / "gateway.yaml").exit_code == 2


def test_a_hold_is_in_the_plan(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(SAMPLE.read_text().replace("sunset: 2027-01-01", "sunset: 2126-01-01"))
    hold = ["accounts/v1", str(config), "--until", "2126-01-08", "--reason", "freeze week", "--by", "jane"]
    config.write_text(config.read_text().replace("2027-02-01", "2126-02-01").replace("2027-04", "2126-04"))
    assert CliRunner().invoke(main, ["switch", "hold", *hold]).exit_code == 0
    sunsets = [one for one in changes("--api", "accounts", config=config) if one["kind"] == "sunset"]
    assert {"at": "2126-01-08T00:00:00Z", "detail": "410 Gone, put off by jane: freeze week"} in [
        {key: one[key] for key in ("at", "detail")} for one in sunsets
    ]


def test_an_endpoints_brownout_that_ends_with_its_versions_is_told_whole() -> None:
    plan = one_api(
        "{path: /api, default: v1, versions: {v1: {backend: old, lifecycle: {sunset: 2027-01-01,"
        " brownouts: [{from: 2026-12-01T14:00:00Z, for: 1h}]}}}, endpoints: [{path: /late, versions: {v1:"
        " {lifecycle: {brownouts: [{from: 2026-12-01T14:30:00Z, until: 2026-12-01T15:00:00Z}]}}}}]}"
    )
    late = [(event.at, event.kind) for event in events(plan) if event.endpoint == "/late"]
    assert late == [
        (ms("2026-12-01T14:30:00"), Kind.BROWNOUT),
        (ms("2026-12-01T15:00:00"), Kind.BROWNOUT_ENDS),
    ]


def test_two_endpoints_at_one_path_are_told_apart_by_their_methods() -> None:
    lifecycle = "versions: {v1: {lifecycle: {sunset: 2027-01-01}}}"
    plan = one_api(
        "{path: /api, default: v1, versions: {v1: {backend: old}}, endpoints: ["
        f"{{path: /a, methods: [GET], {lifecycle}}}, {{path: /a, methods: [PUT, PATCH], {lifecycle}}}]}}"
    )
    told = events(plan)
    sunset = Event(ms("2027-01-01"), "accounts", "v1", "/a", Kind.SUNSET, "410 Gone")
    assert told == [sunset._replace(methods=("GET",)), sunset._replace(methods=("PATCH", "PUT"))]
    assert [where(event) for event in told] == ["accounts v1 GET /a", "accounts v1 PATCH,PUT /a"]


def test_many_spared_consumers_are_counted() -> None:
    names = [f"c{number}" for number in range(9)]
    consumers = ", ".join(f"{name}: {{match: {{X-Api-Key: {name}}}}}" for name in names)
    plan = plan_of(
        f"identity: [{{header: X-Api-Key}}]\nconsumers: {{{consumers}}}\n"
        'backends: {old: {url: "http://127.0.0.1:9001"}}\n'
        "apis: {accounts: {path: /api, default: v1, versions: {v1: {backend: old, lifecycle: "
        f"{{sunset: 2027-01-01, brownouts: [{{from: 2026-12-01, for: 1h, exempt: [{', '.join(names)}]}}]}}"
        "}}}}"
    )
    (said,) = [event.detail for event in events(plan) if event.kind is Kind.BROWNOUT]
    assert said == "410 until 2026-12-01T01:00:00Z, but not for c0, c1, c2, c3, c4 and 4 more"


# words


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1_000, "1 s"),
        (1_250, "1 s 250 ms"),
        (61_000, "1 min 1 s"),
        (3_600_000, "1 h"),
        (3_599_999, "59 min 59 s"),
        (86_400_000 * 12 + 3_600_000 * 3 + 5, "12 d 3 h"),
        (86_400_000 + 59_000, "1 d"),
    ],
)
def test_lengths_in_words(length: int, said: str) -> None:
    assert in_words(length) == said


@given(st.text(st.characters()))
@rule
def test_no_text_of_the_yaml_can_control_a_terminal(text: str) -> None:
    assert one_line(text).isprintable()


def test_a_terminal_gets_a_table_and_no_control_characters_of_the_yaml(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(SAMPLE.read_text().replace("contract until spring", r'"[red]un\e[31mtil"'))
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "140"}
    environment.pop("NO_COLOR", None)
    command = [sys.executable, "-m", "duskgate.cli", "plan", str(config), "--at", AT]
    with os.fdopen(ours, "rb", buffering=0) as screen:
        done = subprocess.Popen(command, stdout=theirs, env=environment)
        os.close(theirs)
        shown = _all_of(screen.fileno())
        assert done.wait(30) == 0
    assert "\x1b[1;31m2027-01-01T00:00:00Z" in shown, "sunsets stand out"
    assert "acme (jane: [red]un\ufffd[31mtil)" in shown


def _all_of(file: int) -> str:
    """What is written to a terminal until its program ends; Linux then says EIO."""
    data = b""
    try:
        while more := os.read(file, 65536):
            data += more
    except OSError:
        pass
    return data.decode()


# the drawing


def elements(svg: str, kind: str, name: str | None = None) -> list[Element]:
    found = fromstring(svg).iter(f"{SVG}{kind}")  # noqa: S314  of our own making
    return [one for one in found if name is None or name in one.get("class", "").split()]


NEAR = View(ms("2026-11-01"), ms("2027-05-01"), ms("2026-12-01"))
ENDING = Lifecycle(deprecated=ms("2026-12-01"), sunset=ms("2027-01-01"), removed=ms("2027-04-01"))

windows = st.lists(st.tuples(st.integers(FIRST_MS, LAST_MS - 10**10), st.integers(1, 10**10)), max_size=30)


@st.composite
def lifecycles(draw: st.DrawFn) -> Lifecycle:
    dates = sorted(draw(st.lists(st.integers(FIRST_MS, LAST_MS), min_size=4, max_size=4)))
    announced, deprecated, sunset, removed = (at if draw(st.booleans()) else None for at in dates)
    brownouts = tuple(Window(start, start + length) for start, length in sorted(draw(windows)))
    name = draw(st.text(st.characters()))
    grace = {name: Grace(name, draw(st.integers(FIRST_MS, LAST_MS)), "jane", "contract")}
    return Lifecycle(announced, deprecated, sunset, removed, brownouts=brownouts, grace=grace)


@st.composite
def views(draw: st.DrawFn) -> View:
    start = draw(st.integers(FIRST_MS, LAST_MS - 1))
    return View(start, draw(st.integers(start + 1, LAST_MS)), draw(st.integers(FIRST_MS, LAST_MS)))


steps = st.lists(st.integers(FIRST_MS, LAST_MS), max_size=4).map(tuple)


@given(st.lists(st.builds(Row, st.text(st.characters()), lifecycles(), steps), max_size=4), views())
@rule
def test_the_drawing_is_well_formed_whatever_the_names_and_dates(rows: Sequence[Row], view: View) -> None:
    svg = drawing(rows, view)
    svg.encode()
    assert len(elements(svg, "g")) == len(rows)
    assert svg == drawing(rows, view)
    for bar in elements(svg, "rect", "bar"):
        assert 0 <= float(bar.get("x", "-1")) <= 1200
        assert 0 <= float(bar.get("width", "-1")) <= 1200


NASTY = ["<script>alert(1)</script>", "a & b", "]]>", "\x00\x1b[31m", "\ud800", "\ufffe", "\n\n", "'\"", "‮"]


@pytest.mark.parametrize("name", NASTY, ids=ascii)
def test_names_are_escaped(name: str) -> None:
    svg = drawing([Row(f"a{name}b", ENDING)], NEAR)
    (label,) = [
        one.text for one in elements(svg, "text") if (one.text or "").startswith("a") and one.text != "active"
    ]
    assert label is not None
    assert label.endswith("b")
    assert "<script" not in svg


def test_names_of_the_file_reach_the_drawing_escaped(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(SAMPLE.read_text().replace("/users/{id}/avatar", "/<b>&/{id}"))
    assert run("--svg", tmp_path / "plan.svg", config=config).exit_code == 0
    texts = [one.text for one in elements((tmp_path / "plan.svg").read_text(), "text")]
    assert "accounts v1 DELETE,PUT /<b>&/{id}" in texts


@pytest.mark.parametrize("number", [0, 1, MOST_ROWS, MOST_ROWS + 1, 5_000])
def test_rows_are_bounded_and_the_rest_is_counted(number: int) -> None:
    brownouts = tuple(Window(at, at + 60_000) for at in range(NEAR.start, NEAR.end, 600_000))
    crowded = Lifecycle(sunset=NEAR.end, brownouts=brownouts)
    svg = drawing([Row("x" * 1_000, crowded)] * number, NEAR)
    assert len(elements(svg, "g")) == min(number, MOST_ROWS)
    assert (f"{number - MOST_ROWS} more left out" in svg) == (number > MOST_ROWS)
    assert len(svg) < 300_000


def test_the_rows_that_change_first_are_kept_and_versions_before_endpoints(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    days = [f"2027-{month:02d}-{day:02d}" for month in (3, 2, 1) for day in range(1, 28)]
    ends = [f"      - {{path: /e{day}, versions: {{v3: {{lifecycle: {{sunset: {day}}}}}}}}}" for day in days]
    config.write_text(SAMPLE.read_text().replace("    endpoints:", "\n".join(["    endpoints:", *ends])))
    assert run("--svg", tmp_path / "plan.svg", config=config).exit_code == 0
    svg = (tmp_path / "plan.svg").read_text()
    labels = [text for one in elements(svg, "g") if (text := one.findtext(f"{SVG}text"))]
    assert labels[:3] == ["accounts v1", "billing v1", "accounts v2"]
    assert labels[3:6] == [
        "accounts v1 DELETE,PUT /users/{id}/avatar",
        "accounts v3 /e2027-01-01",
        "accounts v3 /e2027-01-02",
    ]
    assert labels[-1] == "accounts v3 /e2027-03-02"
    assert f"{3 + 1 + len(days) - MOST_ROWS} more left out" in svg


@given(lifecycles(), views())
@rule
def test_bars_say_the_phase_of_every_instant(dates: Lifecycle, view: View) -> None:
    found = list(segments(dates, view))
    assert found[0][1] == view.start
    assert found[-1][2] == view.end
    for phase, start, end in found:
        assert dates.phase(start) is phase
        assert dates.phase(end - 1) is phase


def test_what_a_row_shows() -> None:
    grace = {"acme": Grace("acme", ms("2027-02-01"), "jane", "contract")}
    brownouts = (Window(ms("2026-12-05"), ms("2026-12-06")), Window(ms("2027-06-05"), ms("2027-06-06")))
    dates = Lifecycle(
        ms("2026-11-15"),
        ms("2026-12-01"),
        ms("2027-01-01"),
        ms("2027-04-01"),
        brownouts=brownouts,
        grace=grace,
    )
    steps = ms("2026-12-10"), ms("2026-12-17"), ms("2027-12-01")
    svg = drawing([Row("accounts v1", dates, steps)], NEAR)
    (row,) = elements(svg, "g")
    kinds = [one.get("class") for one in row]
    assert [kind for kind in kinds if kind and kind.startswith("bar")] == [f"bar {phase}" for phase in Phase]
    assert kinds.count("grace") == kinds.count("brownout") == kinds.count("told") == 1
    (tick,) = [one.get("d", "") for one in row if one.get("class") == "brownout"]
    assert tick.count("M") == 1, "the brownout outside the view is not drawn"
    (marks,) = [one.get("d", "") for one in row if one.get("class") == "rollout"]
    assert marks.count("M") == 2, "nor the step"
    assert row.findtext(f"{SVG}title") == (
        "accounts v1: announced 2026-11-15T00:00:00Z; deprecated 2026-12-01T00:00:00Z; "
        "sunset 2027-01-01T00:00:00Z; removed 2027-04-01T00:00:00Z; "
        "brownouts 2, the first 2026-12-05T00:00:00Z; grace of acme until 2027-02-01T00:00:00Z; "
        "steps of the rollout 3, the first 2026-12-10T00:00:00Z"
    )


def test_whoever_does_not_see_it_can_read_what_it_is() -> None:
    root = fromstring(drawing([Row("accounts v1", ENDING)], NEAR))  # noqa: S314
    named = root.get("aria-labelledby", "").split()
    assert root.get("role") == "img"
    assert [
        one.get("id") for one in (root.find(f"{SVG}title"), root.find(f"{SVG}desc")) if one is not None
    ] == named
    assert "Now is 2026-12-01T00:00:00Z" in (root.findtext(f"{SVG}desc") or "")


GRIDS = [
    ("2026-11-24", "2027-12-01", ["2026-12", "2027-01", "2027-02"]),
    ("2026-01-01", "2029-01-01", ["2026-04", "2026-07", "2026-10"]),
    ("0001-01-01", "9999-12-31", ["1000", "2000", "3000"]),
    ("2026-12-02", "2027-01-30", ["12-07", "12-14", "12-21", "12-28", "01-04"]),
    ("2026-11-24", "2026-12-24", ["11-25", "11-27", "11-29", "12-01"]),
    ("2026-11-24", "2026-11-30", ["11-24 12:00", "11-25 00:00", "11-25 12:00"]),
    ("2026-11-24T10:30:00", "2026-11-24T12:30:00", ["10:45", "11:00", "11:15"]),
    ("2026-11-24T10:30:01", "2026-11-24T10:30:02", []),
]


@pytest.mark.parametrize(("start", "end", "first"), GRIDS)
def test_the_grid_stands_at_round_dates(start: str, end: str, first: list[str]) -> None:
    assert [label for _, label in grid(ms(start), ms(end))][: len(first) or None] == first


@given(views())
@rule
def test_the_grid_has_neither_too_many_lines_nor_any_outside(view: View) -> None:
    lines = grid(view.start, view.end)
    assert len(lines) <= MOST_LINES
    assert all(view.start < at < view.end for at, _ in lines)
    if view.end - view.start > 2 * 60_000:
        assert lines
