"""Deprecation overview: all apis at once. Who still calls what is going away, and how long they have."""

from __future__ import annotations

from deploy.grafana.boards import board, variable
from deploy.grafana.names import CHOSE, DEPRECATED, DURATION, ENDING, REFUSED, REQUESTS, SUNSET, UPSTREAM
from deploy.grafana.panels import (
    ANY,
    SHARE_LEFT,
    Json,
    column,
    days_column,
    lines,
    number,
    query,
    stacked,
    stat,
    table,
)
from deploy.grafana.queries import Chosen, ratio

APIS = Chosen(('api=~"$api"',))
ONE_VERSION = "/d/duskgate-sunset?var-api=${__data.fields.api}&var-version=${__data.fields.version}"
rate, total = APIS.rate, APIS.total


def share_now() -> Json:
    return stat(
        "Deprecated share of traffic",
        "How much of each API's traffic in the chosen time range asked for something that is deprecated or "
        "gone, whether it was answered or refused. A migration is over when this is 0.",
        query(ratio(total(REQUESTS, "api", where=ENDING), total(REQUESTS, "api")), "{{api}}"),
        "percentunit",
        min=0,
        max=1,
        decimals=1,
        noValue="no traffic",
        thresholds=SHARE_LEFT,
    )


def refused_total() -> Json:
    return stat(
        "Refused calls",
        "Calls in the chosen time range that were answered 410 or 404 because a sunset, a removal or a "
        "brownout was on.",
        query(total(REFUSED, "api"), "{{api}}"),
        "short",
        min=0,
        decimals=0,
        noValue="none",
        thresholds=ANY,
    )


def days_to_sunset() -> Json:
    labels = ["api", "version", "endpoint"]
    return table(
        "Days to each sunset",
        "Days until a version or endpoint starts to answer 410; the endpoint * is the whole version. Orange "
        "below 60 days, red below 14; a negative number in grey counts the days since.",
        APIS.days_left(SUNSET, *labels),
        labels,
        days_column("days left"),
        column("version", {"links": [{"title": "This version's sunset", "url": ONE_VERSION}]}),
        descending=False,
    )


def share_over_time() -> Json:
    return lines(
        "Deprecated share over time",
        "The share of each API's requests that asked for something deprecated or gone. It should fall in "
        "steps, after each announcement and brownout.",
        [query(ratio(rate(REQUESTS, "api", where=ENDING), rate(REQUESTS, "api")), "{{api}}")],
        "percentunit",
    )


def requests_by_version() -> Json:
    return stacked(
        "Requests by version",
        "Requests a second that each version got. The version none is requests that named no version, or "
        "one that does not exist.",
        query(rate(REQUESTS, "api", "version"), "{{api}} {{version}}"),
        "reqps",
    )


def top_consumers() -> Json:
    labels = ["consumer", "api", "version", "endpoint"]
    return table(
        "Top consumers of what is deprecated",
        "Whose calls were answered by something deprecated in the chosen time range: whom to talk to. Known "
        "consumers appear by the name they have in the YAML, busy unknown ones by a digest, the rest as "
        "other.",
        f"topk(25, {total(DEPRECATED, *labels)})",
        labels,
        number("calls", "short"),
        descending=True,
    )


def refused_consumers() -> Json:
    labels = ["consumer", "api", "version", "endpoint", "reason"]
    return table(
        "Who was refused",
        "Whose calls were refused in the chosen time range, and why: sunset, removed, or a brownout. These "
        "callers see errors.",
        f"topk(25, {total(REFUSED, *labels)})",
        labels,
        number("calls", "short"),
        descending=True,
    )


def refused_over_time() -> Json:
    return lines(
        "Refused calls over time",
        "Calls a second that were refused because of a lifecycle, by reason.",
        [query(rate(REFUSED, "api", "version", "reason"), "{{api}} {{version}} {{reason}}")],
        "reqps",
    )


def latency() -> Json:
    return lines(
        "Latency, 99th percentile",
        "The time that 99 of 100 requests stayed below: as callers saw it to the end of the answer, and the "
        "backend's part of it up to the start of its answer.",
        [
            query(APIS.quantile(0.99, DURATION, "api", "version"), "{{api}} {{version}}"),
            query(APIS.quantile(0.99, UPSTREAM, "api", "version"), "{{api}} {{version}} backend", ref="B"),
        ],
        "s",
        fillOpacity=0,
    )


def dashboard() -> Json:
    api = variable(
        "api",
        "API",
        f"label_values({REQUESTS}{{{CHOSE}}}, api)",
        multi=True,
        includeAll=True,
        allValue=".+",
        current={"text": "All", "value": "$__all"},
    )
    return board(
        "duskgate-deprecation",
        "Deprecation overview",
        "Who still calls what is going away, and how long they have.",
        APIS,
        [api],
        (
            (5, ((6, share_now), (6, refused_total), (12, days_to_sunset))),
            (9, ((12, requests_by_version), (12, share_over_time))),
            (10, ((12, top_consumers), (12, refused_consumers))),
            (8, ((12, refused_over_time), (12, latency))),
        ),
    )
