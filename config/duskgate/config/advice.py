"""What is allowed but worth a warning: notice that is too short, rules that can hit nobody or everybody."""

from __future__ import annotations

from collections.abc import Iterator

from duskgate.config import dates, inherit, models
from duskgate.config.tree import Path
from duskgate.policy.lifecycle import Lifecycle

Advice = Iterator[tuple[Path, str]]

_DAY = models.DAY


def advice(document: models.Document) -> Advice:
    """Each place that deserves a warning, and why. Only for a document without findings."""
    for name, api in document.apis.items():
        at: Path = ("apis", name)
        for version in api.versions:
            whole = inherit.of_version(document, api, version)
            own = api.versions[version].lifecycle
            place = (*at, "versions", version, "lifecycle") if own is not None else (*at, "lifecycle")
            if own is not None and whole is not None and not dates.compiled(whole).ends:
                yield place, "tells callers nothing: it has neither deprecated nor sunset"
            if whole is not None:
                yield from _lifecycle(document, whole, place)
        for index, endpoint in enumerate(api.endpoints):
            for version in endpoint.versions:
                whole = inherit.of_endpoint(document, api, endpoint, version)
                if whole is not None and whole != inherit.of_version(document, api, version):
                    yield from _lifecycle(
                        document, whole, (*at, "endpoints", index, "versions", version, "lifecycle")
                    )


def _lifecycle(document: models.Document, whole: models.Lifecycle, at: Path) -> Advice:
    compiled = dates.compiled(whole)
    minimum = document.minimum_notice if whole.minimum_notice is None else whole.minimum_notice
    yield from _notice(compiled, minimum, at)
    if not document.identity:
        yield from _strangers(whole, at)
    critical = any(consumer.critical for consumer in document.consumers.values())
    if whole.accept is not None and whole.accept.critical_unseen is not None and not critical:
        yield (*at, "accept", "critical_unseen"), "is always met: no consumer is critical"


def _strangers(whole: models.Lifecycle, at: Path) -> Advice:
    for index, item in enumerate(whole.brownouts or ()):
        if item.ramp is not None or item.percent < 100:
            reason = "hits all callers or none: without identity they cannot be told apart"
            yield (*at, "brownouts", index), reason
    if whole.freeze is not None:
        yield (*at, "freeze"), "keeps nobody out: without identity nobody is known to be new"


def _notice(compiled: Lifecycle, minimum: int, at: Path) -> Advice:
    """Whether callers are told early enough."""
    if minimum == 0 or compiled.sunset is None:
        return
    begins = compiled.tells_from
    if begins is None:
        yield (*at, "sunset"), f"the notice given cannot be told: add announced, {in_days(minimum)} before"
    elif compiled.sunset - begins < minimum:
        given = in_days(compiled.sunset - begins)
        yield (*at, "sunset"), f"gives {given} notice; the minimum is {in_days(minimum)}"


def in_days(length: int) -> str:
    """A length in ms, in days for people."""
    days = length / _DAY
    return f"{days:g} days" if days == int(days) else f"{days:.1f} days"
