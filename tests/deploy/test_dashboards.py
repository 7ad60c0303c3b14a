"""The dashboards are what the builder makes, what Grafana takes, and about metrics that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from duskgate.policy.lifecycle import Phase
from tests.deploy.dashboards import BOARDS, BUILT, Json, expressions, targets, variables

PANELS: list[Json] = [panel for board in BOARDS for panel in board["panels"]]
QUERIES = [
    pytest.param(board, target["expr"], target["legendFormat"], id=f"{board['title']}-{name}")
    for board in BOARDS
    for name, target in targets(board)
]

by_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board["title"])
by_query = pytest.mark.parametrize(("board", "expression", "legend"), QUERIES)


# The files


@pytest.mark.parametrize("path", BUILT, ids=lambda path: path.name)
def test_the_committed_dashboard_is_what_the_builder_makes(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == BUILT[path], "run: make dashboards"


def test_no_dashboard_is_there_that_the_builder_does_not_make() -> None:
    (folder,) = {path.parent for path in BUILT}
    assert set(folder.iterdir()) == set(BUILT)


# What Grafana takes


OF_THE_DATA_SOURCE = {"titleFormat", "textFormat", "useValueForTime"}
"""Keys of an annotation that Grafana leaves to the Prometheus data source, which has no types for them."""


def lost(ours: Any, theirs: Any, at: str = "") -> list[str]:
    """Where Grafana's types have not kept what we wrote."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        keys = ours.keys() - (OF_THE_DATA_SOURCE if at.startswith(".annotations") else set())
        return [one for key in keys for one in lost(ours[key], theirs.get(key, "nothing"), f"{at}.{key}")]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [one for index, pair in pairs for one in lost(*pair, f"{at}[{index}]")]
    return [] if ours == theirs else [f"{at}: {ours!r} became {theirs!r}"]


def as_grafana_has_it(board: Json) -> Json:
    register_default_plugins()
    kept: Json = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(board)))
    return kept


@by_board
def test_grafanas_own_types_keep_every_key(board: Json) -> None:
    assert lost(board, as_grafana_has_it(board)) == []


def test_a_key_that_grafana_does_not_know_would_be_noticed() -> None:
    board = {**BOARDS[0], "panels": [{**BOARDS[0]["panels"][0], "discription": "a slip"}]}
    assert lost(board, as_grafana_has_it(board)) == [".panels[0].discription: 'a slip' became 'nothing'"]


def test_dashboards_are_told_apart() -> None:
    for key in ("uid", "title"):
        assert len({board[key] for board in BOARDS}) == len(BOARDS)


@by_board
def test_panels_and_their_queries_are_told_apart(board: Json) -> None:
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in board["panels"]:
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs)


@by_board
def test_panels_fill_the_grid_and_do_not_overlap(board: Json) -> None:
    cells: list[tuple[int, int]] = []
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells += [(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])]
    height = max(y for _, y in cells) + 1
    assert sorted(cells) == [(x, y) for x in range(24) for y in range(height)]


@by_board
def test_variables_that_are_used_are_those_that_are_defined(board: Json) -> None:
    text = " ".join(expressions(board))
    used = set(re.findall(r"\$(?!__)(\w+)", text))
    assert used == set(variables(board))
    defined = [one["name"] for one in board["templating"]["list"]]
    assert len(set(defined)) == len(defined)
    assert defined[0] == "datasource"


@by_board
def test_a_variable_depends_only_on_those_before_it(board: Json) -> None:
    before: set[str] = set()
    for name, one in variables(board).items():
        assert set(re.findall(r"\$(\w+)", one["query"]["query"])) <= before
        before.add(name)


def test_links_lead_to_dashboards_with_the_variables_they_fill_in() -> None:
    boards = {board["uid"]: board for board in BOARDS}
    urls = re.findall(r'"url": "([^"]+)"', json.dumps(BOARDS))
    assert urls
    for url in urls:
        found = re.fullmatch(r"/d/([\w-]+)\?(.+)", url)
        assert found is not None
        assert set(re.findall(r"var-(\w+)=", found[2])) == set(variables(boards[found[1]]))


# What a reader needs


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_explains_itself(panel: Json) -> None:
    assert panel["description"].endswith(".")
    assert panel["datasource"]["uid"] == "${datasource}"
    assert all(target["datasource"] == panel["datasource"] for target in panel["targets"])


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_has_a_unit_or_names_for_its_values(panel: Json) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    columns = [
        one["value"]
        for override in panel["fieldConfig"]["overrides"]
        for one in override["properties"]
        if one["id"] == "unit"
    ]
    assert defaults["unit"] != "none" or columns or defaults["mappings"]


@by_board
def test_dates_of_lifecycles_are_drawn(board: Json) -> None:
    for metric in ("duskgate_deprecation_timestamp_seconds", "duskgate_sunset_timestamp_seconds"):
        (found,) = (one for one in board["annotations"]["list"] if metric in one["expr"])
        assert found["enable"]
        assert found["useValueForTime"]
        assert found["expr"].endswith(" * 1000")  # Grafana's times are milliseconds


# What the queries name


SELECTOR = re.compile(r"\b(duskgate_\w+)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)(?:=~|!~|!=|=)"([^"]*)"')
GROUPING = re.compile(r"\bby \(([^)]*)\)")
LEGEND = re.compile(r"\{\{(\w+)\}\}")


@by_query
def test_a_query_names_only_metrics_and_labels_that_exist(
    board: Json, expression: str, legend: str, exposed: dict[str, set[str]]
) -> None:
    selectors = SELECTOR.findall(expression)
    assert len(selectors) == expression.count("duskgate_"), "a metric stands without its choice"
    for metric, matchers in selectors:
        assert metric in exposed
        assert {label for label, _ in MATCHER.findall(matchers)} <= exposed[metric]
    grouped = {label.strip() for group in GROUPING.findall(expression) for label in group.split(",")}
    assert grouped <= set().union(*(exposed[metric] for metric, _ in selectors))
    assert set(LEGEND.findall(legend)) <= grouped


@by_query
def test_a_query_names_only_phases_that_exist(board: Json, expression: str, legend: str) -> None:
    matchers = [found for _, text in SELECTOR.findall(expression) for found in MATCHER.findall(text)]
    named = {value for label, values in matchers if label == "phase" for value in values.split("|")}
    assert named <= {phase.value for phase in Phase}


@by_query
def test_a_query_follows_the_dashboard(
    board: Json, expression: str, legend: str, exposed: dict[str, set[str]]
) -> None:
    for metric, matchers in SELECTOR.findall(expression):
        chosen = re.search(r'api=~?"\$api"', matchers)
        assert chosen is not None or "api" not in exposed[metric]
    assert "$" in expression
    windows = re.findall(r"\[([^]]*)\]", expression)
    assert set(windows) <= {"$__rate_interval", "$__range", "$__range:", "1d"}
    for function, window in re.findall(r"\b(rate|increase)\([^[]*\[([^]]*)\]", expression):
        assert function == "increase" or window == "$__rate_interval"
