"""One version's sunset: who is left, how fast they leave, and what those see who stay."""

from __future__ import annotations

from deploy.grafana import version_callers as callers
from deploy.grafana.boards import board, variable
from deploy.grafana.names import (
    CHOSE,
    DEPRECATED,
    GATE,
    REFUSED,
    REQUESTS,
    SUNSET,
)
from deploy.grafana.panels import (
    ANY,
    DAYS,
    SHARE_LEFT,
    Json,
    lines,
    query,
    stacked,
    stat,
    steps,
)
from deploy.grafana.queries import Chosen, shares

API = Chosen(('api="$api"',))
VERSION = Chosen(('api="$api"', 'version="$version"'))
rate, total = VERSION.rate, VERSION.total


def days_left() -> Json:
    return stat(
        "Days left",
        "Days until the version, which is *, and its endpoints with other dates start to answer 410. A "
        "negative number counts the days since.",
        query(VERSION.days_left(SUNSET, "endpoint"), "{{endpoint}}"),
        "d",
        decimals=1,
        thresholds=DAYS,
    )


def share_now() -> Json:
    share = shares(total(REQUESTS, "api", "version"), API.total(REQUESTS, "api", where=CHOSE), "api")
    return stat(
        "Share of the version",
        "How many of the API's requests in the chosen time range asked for this version, whether they were "
        "answered or refused.",
        query(share, "{{version}}"),
        "percentunit",
        min=0,
        max=1,
        decimals=1,
        noValue="no traffic",
        thresholds=SHARE_LEFT,
    )


def consumers_left() -> Json:
    return stat(
        "Consumers left",
        "Consumers whose calls were answered in the chosen time range. Unknown ones that call seldom count "
        "together as one.",
        query(f"count({total(DEPRECATED, 'consumer')} > 0)"),
        "short",
        noValue="nobody",
        decimals=0,
        thresholds=ANY,
    )


def expected_at_the_sunset() -> Json:
    now = f"{rate(DEPRECATED, 'version')}[$__range:]"
    left = f"scalar(max({VERSION.series(SUNSET)}) - time())"
    return stat(
        "Expected at the last sunset",
        "Calls a second that will be left when the last sunset comes, if their number goes on falling or "
        "rising as it did in the chosen time range. Choose some weeks.",
        query(f"clamp_min(predict_linear({now}, {left}), 0)", "{{version}}"),
        "reqps",
        noValue="unknown",
        decimals=2,
        thresholds=steps((None, "green"), (0.01, "orange")),
    )


def gate() -> Json:
    return stat(
        "Acceptance gate",
        "How the gate before each sunset was judged last: met, unmet or unknown. Without a gate the sunset "
        "comes at its date.",
        query(f"max by (endpoint, verdict) ({VERSION.series(GATE)}) == 1", "{{endpoint}} {{verdict}}"),
        "short",
        text="name",
        noValue="no gate",
    )


def refused_now() -> Json:
    return stat(
        "Refused calls",
        "Calls in the chosen time range that were refused, by reason: the sunset, the removal, a brownout, "
        "or a freeze.",
        query(total(REFUSED, "reason"), "{{reason}}"),
        "short",
        noValue="none",
        decimals=0,
        thresholds=ANY,
    )


def old_and_new() -> Json:
    share = shares(
        API.rate(REQUESTS, "api", "version", where=CHOSE), API.rate(REQUESTS, "api", where=CHOSE), "api"
    )
    return stacked(
        "Old and new",
        "The share of the API's requests that each of its versions got. Rollouts and callers that move show "
        "as the new version's growth.",
        query(share, "{{version}}"),
        "percentunit",
    )


def burn_down() -> Json:
    return lines(
        "Burn-down: calls",
        "Calls a second that the version answered, and that it refused. The first should reach 0 before the "
        "sunset, which is drawn where the chosen time range has it.",
        [
            query(rate(DEPRECATED, "version"), "{{version}} answered"),
            query(rate(REFUSED, "version"), "{{version}} refused", ref="B"),
        ],
        "reqps",
    )


def dashboard() -> Json:
    return board(
        "duskgate-sunset",
        "One version's sunset",
        "Who is left on one version, how fast they leave, and what those see who stay.",
        VERSION,
        [
            variable("api", "API", f"label_values({SUNSET}, api)"),
            variable("version", "Version", f'label_values({SUNSET}{{api="$api"}}, version)'),
        ],
        (
            (
                5,
                (
                    (4, days_left),
                    (4, consumers_left),
                    (4, share_now),
                    (4, expected_at_the_sunset),
                    (4, refused_now),
                    (4, gate),
                ),
            ),
            (8, ((12, burn_down), (12, callers.consumers_over_time))),
            (9, ((12, callers.by_consumer), (12, callers.who_is_left))),
            (8, ((12, old_and_new), (12, callers.refused_consumers))),
            (8, ((12, callers.refused_over_time), (12, callers.brownouts))),
            (7, ((12, callers.in_grace), (12, callers.graces))),
        ),
    )
