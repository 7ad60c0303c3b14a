"""What the shadow says of a new version before callers move: panels of the rollout's dashboard."""

from __future__ import annotations

from deploy.grafana.names import COMPARED, DIFFERENCES, SHADOW_DROPPED, SHADOW_DURATION, SHADOWED, UNEQUAL
from deploy.grafana.panels import Json, lines, query, stacked, stat, steps
from deploy.grafana.queries import Chosen, ratio

API = Chosen(('api="$api"',))
rate, total = API.rate, API.total


def now() -> Json:
    return stat(
        "Shadow differs",
        "How many of the compared copies in the chosen time range had another answer than the version's own, "
        "or none.",
        query(
            ratio(total(SHADOWED, "version", where=UNEQUAL), total(SHADOWED, "version", where=COMPARED)),
            "{{version}}",
        ),
        "percentunit",
        min=0,
        max=1,
        decimals=1,
        noValue="no shadow",
        thresholds=steps((None, "green"), (0.001, "orange"), (0.05, "red")),
    )


def verdicts() -> Json:
    return stacked(
        "Shadow: verdicts",
        "Copies a second by what came of comparing the answers. Failed ones got no answer; undecided ones "
        "differ in what also differs between two answers of the old version.",
        query(rate(SHADOWED, "version", "verdict"), "{{version}} {{verdict}}"),
        "reqps",
    )


def differences() -> Json:
    return lines(
        "Shadow: differences",
        "Fields a second that differed, by endpoint and kind. duskgate report --shadow names the fields.",
        [query(rate(DIFFERENCES, "endpoint", "kind"), "{{endpoint}} {{kind}}")],
        "cps",
    )


def latency() -> Json:
    return lines(
        "Shadow: latency, 99th percentile",
        "The time that 99 of 100 copies stayed below, by the version that answered them. Compare it with the "
        "version's own.",
        [query(API.quantile(0.99, SHADOW_DURATION, "version"), "{{version}}")],
        "s",
        fillOpacity=0,
    )


def dropped() -> Json:
    return lines(
        "Shadow: not compared",
        "Sampled requests a second that were not copied or not compared, by reason. Verdicts say nothing of "
        "these.",
        [query(rate(SHADOW_DROPPED, "version", "reason"), "{{version}} {{reason}}")],
        "reqps",
    )
