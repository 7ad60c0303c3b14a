"""Every query of every dashboard, answered by a Prometheus that watches a gateway under traffic."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from tests.deploy.dashboards import BOARDS, Json, targets, variables
from tests.running import Gateway, eventually
from tests.system.conftest import Prometheus
from tests.system.world import call_everything

pytestmark = pytest.mark.system

CHOICES = {"api": "shop", "version": "v1"}
WINDOWS = {"$__rate_interval": "5s", "$__range": "1h"}


def filled(board: Json, text: str) -> str:
    """A query of a dashboard as Grafana sends it."""
    values = {f"${name}": one.get("allValue", CHOICES[name]) for name, one in variables(board).items()}
    for name, value in {**values, **WINDOWS}.items():
        text = text.replace(name, value)
    assert "$" not in text
    return text


QUERIES = [
    pytest.param(board, target, id=f"{board['title']}-{name}")
    for board in BOARDS
    for name, target in targets(board)
]


@pytest.fixture(scope="module")
def busy(served: Gateway, prometheus: Prometheus) -> Prometheus:
    """A Prometheus that has seen traffic of every kind, more than once."""
    for _ in range(5):
        call_everything(served)
    return prometheus


def run(prometheus: Prometheus, board: Json, target: Json) -> list[Any]:
    query = filled(board, target["expr"])
    if target["instant"]:
        return prometheus.ask("query", query=query)
    now = time.time()
    return prometheus.ask("query_range", query=query, start=now - 60, end=now, step=1)


def panel(uid: str, title: str) -> tuple[Json, Json]:
    """A dashboard, and the only target of one of its panels."""
    board = next(board for board in BOARDS if board["uid"] == uid)
    (target,) = next(panel["targets"] for panel in board["panels"] if panel["title"] == title)
    return board, target


@pytest.mark.parametrize(("board", "target"), QUERIES)
def test_a_panels_query_returns_data(board: Json, target: Json, served: Gateway, busy: Prometheus) -> None:
    def look() -> list[Any] | None:
        call_everything(served)
        return run(busy, board, target) or None

    for series in eventually(look, f"data for {target['expr']}"):
        samples = [series["value"]] if target["instant"] else series["values"]
        assert "NaN" not in samples[-1][1]
        assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= set(series["metric"])


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board["title"])
def test_a_variable_offers_what_is_chosen_here(board: Json, busy: Prometheus) -> None:
    for name, variable in variables(board).items():
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
        assert found is not None
        query = f"count by ({found[2]}) ({filled(board, found[1])})"
        values = eventually(lambda query=query: busy.ask("query", query=query) or None, query)  # type: ignore[misc]
        assert CHOICES[name] in {one["metric"][found[2]] for one in values}
        assert "none" not in {one["metric"][found[2]] for one in values}


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board["title"])
def test_annotations_are_the_dates_of_lifecycles_in_milliseconds(board: Json, busy: Prometheus) -> None:
    years = set()
    for annotation in board["annotations"]["list"]:
        query = filled(board, annotation["expr"])
        found = eventually(lambda query=query: busy.ask("query", query=query) or None, query)  # type: ignore[misc]
        named = set(re.findall(r"{{(\w+)}}", annotation["titleFormat"] + annotation["textFormat"]))
        assert all(named <= set(one["metric"]) for one in found)
        years |= {time.gmtime(float(one["value"][1]) / 1000).tm_year for one in found}
    assert {2020, 2021} < years


def test_one_call_of_a_forgotten_consumer_shows(served: Gateway, prometheus: Prometheus) -> None:
    served.get("/shop/users", **{"X-Api-Key": "rare-key", "Api-Version": "v1"})

    def calls() -> str | None:
        found = run(prometheus, *panel("duskgate-deprecation", "Top consumers of what is deprecated"))
        return next((one["value"][1] for one in found if one["metric"]["consumer"] == "rare"), None)

    assert eventually(calls, "the consumer in the table") == "1"


def test_days_to_sunset_are_those_of_the_yaml(served: Gateway, prometheus: Prometheus) -> None:
    board, target = panel("duskgate-sunset", "Days left")
    found = eventually(lambda: run(prometheus, board, target) or None, "sunsets")
    days = {one["metric"]["endpoint"]: float(one["value"][1]) for one in found}
    assert {name: round(value) for name, value in days.items() if name != "/ended"} == {
        "*": 10,
        "/dark": 10,
        "/held": -1,
    }
    assert days["/ended"] < -365


@pytest.mark.parametrize("title", ["Consumers left", "Burn-down: consumers"])
def test_consumers_that_are_left_are_counted_once_each(title: str, busy: Prometheus) -> None:
    board, target = panel("duskgate-sunset", title)
    _, table = panel("duskgate-sunset", "Who is left")

    def counted() -> bool | None:
        names = {one["metric"]["consumer"] for one in run(busy, board, table)}
        found = run(busy, board, target)
        if not found or not names >= {"acme", "leaving", "staying"}:
            return None
        (series,) = found
        _, number = series["value"] if target["instant"] else series["values"][-1]
        return int(number) == len(names) or None

    assert eventually(counted, "as many consumers as the table has")


def test_who_is_left_says_who_is_critical(busy: Prometheus) -> None:
    board, target = panel("duskgate-sunset", "Who is left")

    def critical() -> dict[str, str | None] | None:
        found = {one["metric"]["consumer"]: one["metric"].get("critical") for one in run(busy, board, target)}
        return found if found.keys() >= {"acme", "leaving", "other"} else None

    found = eventually(critical, "known and unknown consumers")
    assert (found["acme"], found["leaving"], found["other"]) == ("true", "false", None)


def test_the_share_of_all_versions_is_one(busy: Prometheus) -> None:
    board, target = panel("duskgate-rollout", "Share of each version")
    found = eventually(lambda: run(busy, board, target) or None, "shares")
    assert {one["metric"]["version"] for one in found} == {"v1", "v2"}
    assert sum(float(one["value"][1]) for one in found) == pytest.approx(1)
