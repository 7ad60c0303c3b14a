"""What is allowed but worth a warning: notice that is too short, rules that can hit nobody or everybody."""

from __future__ import annotations

from collections.abc import Iterator

from duskgate.config import brownouts, dates, inherit, models, rollouts
from duskgate.config.tree import Path
from duskgate.policy.lifecycle import Lifecycle
from duskgate.policy.plan import WHOLE

Advice = Iterator[tuple[Path, str]]

_DAY = models.DAY

_ADD_LEDGER = "(add the section ledger)"


def advice(document: models.Document) -> Advice:
    """Each place that deserves a warning, and why. Only for a document without findings."""
    for index, step in enumerate(document.identity):
        if step.jwt is not None and step.jwt.unverified:
            reason = "anybody can write such a token, and be taken for anybody"
            yield ("identity", index, "jwt", "unverified"), reason
    found = [*_of_versions(document), *_of_endpoints(document)]
    for whole, place in found:
        yield from _lifecycle(document, whole, place)
    if document.ledger is None:
        yield from _without_ledger(document, found)
    for name, api in document.apis.items():
        for version in api.versions:
            yield from _rollout(document, api, version, ("apis", name, "versions", version, "rollout"))
    used = set(_used(document))
    for name in document.lifecycles:
        if name not in used:
            reason = "is used by no lifecycle, and what is not used is not checked"
            yield ("lifecycles", name), f"{reason} (name it in use, or take it out)"


Placed = tuple[models.Lifecycle, Path]


def _of_versions(document: models.Document) -> Iterator[Placed]:
    for name, api in document.apis.items():
        for version, one in api.versions.items():
            whole = inherit.of_version(document, api, version)
            if whole is None:
                continue
            own: Path = ("apis", name, "versions", version, "lifecycle")
            yield whole, own if one.lifecycle is not None else ("apis", name, "lifecycle")


def _of_endpoints(document: models.Document) -> Iterator[Placed]:
    for name, api in document.apis.items():
        for index, endpoint in enumerate(api.endpoints):
            for version in endpoint.versions:
                whole = inherit.of_endpoint(document, api, endpoint, version)
                if whole is not None and whole != inherit.of_version(document, api, version):
                    yield whole, ("apis", name, "endpoints", index, "versions", version, "lifecycle")


def _used(document: models.Document) -> Iterator[str | None]:
    for api in document.apis.values():
        lifecycles = [api.lifecycle, *(version.lifecycle for version in api.versions.values())]
        lifecycles += [one.lifecycle for endpoint in api.endpoints for one in endpoint.versions.values()]
        yield from (one.use for one in lifecycles if one is not None)


def _without_ledger(document: models.Document, found: list[Placed]) -> Advice:
    """What asks the ledger who called: said once, as it is the same everywhere."""
    gate = next((place for whole, place in found if whole.accept is not None), None)
    if gate is not None:
        reason = "cannot be judged without a ledger: it counts as unknown"
        yield (*gate, "accept"), f"{reason} {_ADD_LEDGER}"
    freeze = next((place for whole, place in found if whole.freeze is not None), None)
    if freeze is not None and document.identity:
        reason = "keeps nobody off without a ledger of who called before"
        yield (*freeze, "freeze"), f"{reason} {_ADD_LEDGER}"


def _rollout(document: models.Document, api: models.Api, name: str, at: Path) -> Advice:
    """Rollouts that can move nobody."""
    rollout = api.versions[name].rollout
    if rollout is None:
        return
    if name != api.default and not rollout.promote:
        reason = f"moves nobody: {name} is not the default, so its callers name it; that takes promote: true"
        yield at, reason
    shares = [rollout.percent, *(step.percent for step in rollout.steps or ())]
    partly = any(percent is not None and 0 < percent < 100 for percent in shares)
    by_consumer = rollout.by is None or rollout.by.consumer
    if partly and by_consumer and not document.identity:
        yield at, "moves nobody below 100 %: without identity callers cannot be told apart"
    target = inherit.of_version(document, api, rollout.to)
    ends = dates.compiled(target).enforced if target is not None else None
    for index, instant in enumerate(rollouts.instants(rollout)):
        if ends is not None and instant is not None and instant >= ends:
            yield (*at, "steps", index, "at"), f"moves nobody: {rollout.to} is switched off by then"


def _lifecycle(document: models.Document, whole: models.Lifecycle, at: Path) -> Advice:
    compiled = dates.compiled(whole)
    if at[2] == "versions" and not compiled.ends:
        yield at, "tells callers nothing: it has neither deprecated nor sunset"
    yield from _notice(compiled, _minimum(document, whole), at)
    yield from _of_nobody(whole, at)
    if not document.identity:
        yield from _strangers(whole, at)
    critical = any(consumer.critical for consumer in document.consumers.values())
    if whole.accept is not None and whole.accept.critical_unseen is not None and not critical:
        yield (*at, "accept", "critical_unseen"), "is always met: no consumer is critical"


def _minimum(document: models.Document, whole: models.Lifecycle) -> int:
    return document.minimum_notice if whole.minimum_notice is None else whole.minimum_notice


def minimum_notices(document: models.Document) -> dict[tuple[str, str, str, tuple[str, ...]], int]:
    """How much notice each rule must give, in ms: by api, version, endpoint and its methods, sorted."""
    found: dict[tuple[str, str, str, tuple[str, ...]], int] = {}
    for name, api in document.apis.items():
        for version in api.versions:
            whole = inherit.of_version(document, api, version)
            if whole is not None:
                found[name, version, WHOLE, ()] = _minimum(document, whole)
            for endpoint in api.endpoints:
                own = inherit.of_endpoint(document, api, endpoint, version)
                if own is not None:
                    methods = tuple(sorted(endpoint.methods))
                    found[name, version, endpoint.path, methods] = _minimum(document, own)
    return found


def _of_nobody(whole: models.Lifecycle, at: Path) -> Advice:
    for index, item in enumerate(whole.brownouts or ()):
        windows = brownouts.windows(item, whole.announced, 0)
        if all(one.share is not None and one.share.part(one.end - 1) == 0 for one in windows):
            yield (*at, "brownouts", index), "hits nobody"


def _strangers(whole: models.Lifecycle, at: Path) -> Advice:
    for index, item in enumerate(whole.brownouts or ()):
        if item.ramp is not None or item.percent < 100:
            reason = "hits all callers or none: without identity they cannot be told apart"
            yield (*at, "brownouts", index), reason
    if whole.freeze is not None:
        yield (*at, "freeze"), "keeps nobody off: without identity nobody is known to be new"


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
