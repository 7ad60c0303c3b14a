"""Rollout: one version against the other while callers move, and what the shadow says before they do."""

from __future__ import annotations

from deploy.grafana import shadow
from deploy.grafana.boards import board, variable
from deploy.grafana.names import (
    CHOICES,
    CHOSE,
    DURATION,
    FAILED,
    FLAG_ERRORS,
    GUARD,
    REQUESTS,
    UPSTREAM,
    VARIANTS,
)
from deploy.grafana.panels import Json, lines, named, query, stacked, stat, states, steps
from deploy.grafana.queries import Chosen, ratio, shares

API = Chosen(('api="$api"',))
rate, total = API.rate, API.total


def share_now() -> Json:
    share = shares(total(REQUESTS, "api", "version", where=CHOSE), total(REQUESTS, "api", where=CHOSE), "api")
    return stat(
        "Share of each version",
        "How many of the API's requests in the chosen time range each version got.",
        query(share, "{{version}}"),
        "percentunit",
        min=0,
        max=1,
        decimals=1,
        noValue="no traffic",
    )


def errors_now() -> Json:
    return stat(
        "Errors of each version",
        "How many of a version's requests in the chosen time range were answered with a 5xx, by its backend "
        "or by the gateway for it.",
        query(
            ratio(total(REQUESTS, "version", where=FAILED), total(REQUESTS, "version", where=CHOSE)),
            "{{version}}",
        ),
        "percentunit",
        min=0,
        max=1,
        decimals=2,
        noValue="no traffic",
        thresholds=steps((None, "green"), (0.01, "orange"), (0.05, "red")),
    )


def guard_now() -> Json:
    return stat(
        "Guard",
        "Whether the guard of each rollout has tripped because the new version did worse, and what it did: "
        "rollback, pause, or only alert. It stays so until an operator resumes.",
        query(f"max by (version, action) ({API.series(GUARD)})", "{{version}} {{action}}"),
        "short",
        noValue="no guard",
        **named((0, "watching", "green"), (1, "tripped", "red")),
    )


def share_over_time() -> Json:
    share = shares(rate(REQUESTS, "api", "version", where=CHOSE), rate(REQUESTS, "api", where=CHOSE), "api")
    return stacked(
        "Old and new",
        "The share of the API's requests that each version got. A step of the rollout shows as a step here.",
        query(share, "{{version}}"),
        "percentunit",
    )


def variants() -> Json:
    return stacked(
        "Variants",
        "How often a second each flag was asked for a request that named no version, by what it said. The "
        "variant error is an evaluation that failed.",
        query(rate(VARIANTS, "flag", "variant"), "{{flag}} {{variant}}"),
        "reqps",
    )


def choices() -> Json:
    return stacked(
        "Moved and not moved",
        "Requests a second that a rollout looked at, by whether they were moved and by what decided it: a "
        "share, a flag, a ring, a list, an override, or that it is halted.",
        query(rate(CHOICES, "version", "moved", "by"), "{{version}} moved: {{moved}}, {{by}}"),
        "reqps",
    )


def error_rate() -> Json:
    return lines(
        "Error rate",
        "The share of each version's requests that were answered with a 5xx, by its backend or by the "
        "gateway for it. The new version should not lie above the old one.",
        [
            query(
                ratio(rate(REQUESTS, "version", where=FAILED), rate(REQUESTS, "version", where=CHOSE)),
                "{{version}}",
            )
        ],
        "percentunit",
        fillOpacity=0,
    )


def latency() -> Json:
    return lines(
        "Latency, 99th percentile",
        "The time that 99 of 100 requests stayed below, by version: to the end of the answer, and the "
        "backend's part of it up to the start of its answer.",
        [
            query(API.quantile(0.99, DURATION, "version"), "{{version}}"),
            query(API.quantile(0.99, UPSTREAM, "version"), "{{version}} backend", ref="B"),
        ],
        "s",
        fillOpacity=0,
    )


def guard_over_time() -> Json:
    return states(
        "Guard over time",
        "From when the guard of a rollout tripped until an operator resumed, and what it did.",
        query(f"max by (version, action) ({API.series(GUARD)})", "{{version}} {{action}}"),
        named((0, "watching", "green"), (1, "tripped", "red")),
    )


def flag_errors() -> Json:
    failing = f"sum by (flag, error) (rate({FLAG_ERRORS}{{}}[$__rate_interval]))"
    return lines(
        "Flag errors",
        "How often a second a flag of this API could not be evaluated, by the error. "
        "It is then what it was last for the caller, else off.",
        [query(f"{failing} and on (flag) {API.series(VARIANTS)}", "{{flag}} {{error}}")],
        "reqps",
    )


def dashboard() -> Json:
    return board(
        "duskgate-rollout",
        "Rollout",
        "One version against the other while callers move, and what the shadow says before they do.",
        API,
        [variable("api", "API", f"label_values({REQUESTS}{{{CHOSE}}}, api)")],
        (
            (5, ((6, share_now), (6, errors_now), (6, guard_now), (6, shadow.now))),
            (8, ((12, share_over_time), (12, choices))),
            (8, ((12, error_rate), (12, latency))),
            (5, ((24, guard_over_time),)),
            (8, ((12, variants), (12, flag_errors))),
            (8, ((12, shadow.verdicts), (12, shadow.differences))),
            (8, ((12, shadow.latency), (12, shadow.dropped))),
        ),
    )
