"""What a lifecycle starts from: a named one, its version's, its api's."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from duskgate.config import models

EIGHT_WEEKS = "eight-weeks"

BUILT_IN: Mapping[str, models.Lifecycle] = MappingProxyType(
    {EIGHT_WEEKS: models.Lifecycle.model_validate({"deprecated": "+2w", "sunset": "+6w", "removed": "+8w"})}
)
"""Two weeks from the announcement to the deprecation, four of transition, two in which 410 is enforced; then
it is cleaned up."""

_OF_ONE_PLACE = ("use", "inherit")


def named(document: models.Document) -> Mapping[str, models.Lifecycle]:
    """Every lifecycle that can be used by name; the document's own come before the built-in ones."""
    return {**BUILT_IN, **document.lifecycles}


def known(document: models.Document, own: models.Lifecycle) -> bool:
    """Whether there is the lifecycle that one uses by name, if it uses any."""
    return own.use is None or own.use in named(document)


def merged(own: models.Lifecycle, above: models.Lifecycle | None) -> models.Lifecycle:
    """A lifecycle on top of another: what it leaves out is the other's."""
    if above is None:
        return own
    given = {name: getattr(own, name) for name in own.model_fields_set if name not in _OF_ONE_PLACE}
    return above.model_copy(update=given)


def whole(
    own: models.Lifecycle | None, above: models.Lifecycle | None, names: Mapping[str, models.Lifecycle]
) -> models.Lifecycle | None:
    """A lifecycle with all that it starts from. ``above``: what it inherits, whole already."""
    if own is None:
        return above
    base = above if own.inherit else None
    if own.use is not None and own.use in names:
        base = merged(names[own.use], base)
    return merged(own, base)


def of_version(document: models.Document, api: models.Api, version: str) -> models.Lifecycle | None:
    """A version's whole lifecycle. The one that an api's lifecycle leads to does not inherit that."""
    names = named(document)
    return whole(api.versions[version].lifecycle, above_version(document, api, version), names)


def above_version(document: models.Document, api: models.Api, version: str) -> models.Lifecycle | None:
    """What a version inherits from its api."""
    above = whole(api.lifecycle, None, named(document))
    return above if above is None or above.successor != version else None


def of_endpoint(
    document: models.Document, api: models.Api, endpoint: models.Endpoint, version: str
) -> models.Lifecycle | None:
    """An endpoint's whole lifecycle in one version."""
    above = of_version(document, api, version)
    own = endpoint.versions.get(version)
    return whole(own.lifecycle, above, named(document)) if own is not None else above
