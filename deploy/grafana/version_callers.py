"""Who calls one version, and who is refused by it: panels of the dashboard of one version's sunset."""

from __future__ import annotations

from deploy.grafana.names import BROWNOUT, CONSUMERS, DEPRECATED, GRACE, GRACE_END, REFUSED, REQUESTS, SUNSET
from deploy.grafana.panels import Json, days_column, lines, number, query, stacked, table
from deploy.grafana.queries import Chosen

VERSION = Chosen(('api="$api"', 'version="$version"'))
rate, total = VERSION.rate, VERSION.total


def who_is_left() -> Json:
    labels = ["consumer", "critical", "endpoint"]
    calls = f"({total(DEPRECATED, 'consumer', 'endpoint')} > 0)"
    known = f"topk by (consumer) (1, max by (consumer, critical) ({CONSUMERS}{{}}))"
    return table(
        "Who is left",
        "Whose calls were answered in the chosen time range, and whether the YAML calls them critical: whom "
        "to talk to. Unknown ones have no word there.",
        f"{calls} * on (consumer) group_left (critical) {known} or on (consumer, endpoint) {calls}",
        labels,
        number("calls", "short"),
        descending=True,
    )


def by_consumer() -> Json:
    return stacked(
        "Traffic by consumer",
        "Calls a second that the version answered, by consumer. Known consumers appear by name, busy unknown "
        "ones by a digest, the rest as other.",
        query(rate(DEPRECATED, "consumer"), "{{consumer}}"),
        "reqps",
    )


def consumers_over_time() -> Json:
    seen = total(DEPRECATED, "consumer", over="1d")
    return lines(
        "Burn-down: consumers",
        "Consumers whose calls were answered in the day before each moment. Who calls once a month shows in "
        "the table of those who are left, if the chosen time range is long enough.",
        [query(f"count({seen} > 0) or 0 * count({VERSION.series(SUNSET)})", "consumers")],
        "short",
    )


def refused_consumers() -> Json:
    labels = ["consumer", "endpoint", "reason"]
    return table(
        "Who is refused",
        "Whose calls were refused in the chosen time range, and why. After the sunset these are the callers "
        "that have not moved.",
        f"topk(25, {total(REFUSED, *labels)})",
        labels,
        number("calls", "short"),
        descending=True,
    )


def refused_over_time() -> Json:
    return lines(
        "Refused calls",
        "Calls a second that were refused, by reason. What does not come again after a brownout has moved.",
        [query(rate(REFUSED, "reason"), "{{reason}}")],
        "reqps",
    )


def brownouts() -> Json:
    return lines(
        "Hit by brownouts",
        "Calls a second that were refused to rehearse the sunset, by consumer. Whom the sunset will hit.",
        [query(rate(REFUSED, "consumer", where=BROWNOUT), "{{consumer}}")],
        "reqps",
    )


def in_grace() -> Json:
    return lines(
        "Answered in grace",
        "Calls a second that were answered after the sunset, for consumers in grace. Those whose grace ends "
        "soon are grace_expiring.",
        [query(rate(REQUESTS, "endpoint", "outcome", where=GRACE), "{{endpoint}} {{outcome}}")],
        "reqps",
    )


def graces() -> Json:
    labels = ["consumer", "endpoint"]
    return table(
        "Graces",
        "Days until each consumer's grace ends and it is refused too. Orange below 60 days, red below 14.",
        VERSION.days_left(GRACE_END, *labels),
        labels,
        days_column("days left"),
        descending=False,
    )
