"""Asking OpenFeature, and never letting a flag's trouble become the caller's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import count

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.provider import FeatureProvider

from duskgate.policy.identify import Who

OnEvaluated = Callable[[str, str], None]
"""Told (flag, variant) for each evaluation; the variant is ``error:CODE`` for one that failed."""

_domains = count()


def ignore(flag: str, variant: str) -> None:
    """An ``OnEvaluated`` for those who do not count."""


class Flags:
    """Evaluates boolean flags for callers through an OpenFeature client of its own domain."""

    def __init__(self, provider: FeatureProvider) -> None:
        domain = f"duskgate-{next(_domains)}"
        api.set_provider(provider, domain)
        self._client = api.get_client(domain)

    def evaluate(
        self, names: Iterable[str], who: Who, attributes: Mapping[str, str], told: OnEvaluated = ignore
    ) -> dict[str, bool]:
        """Each flag's value for a caller. One that cannot be evaluated is off, and told as an error."""
        context = EvaluationContext(who.targeting_key, attributes)
        values = {}
        for name in names:
            details = self._client.get_boolean_details(name, False, context)
            failed = details.error_code
            told(name, f"error:{failed.value}" if failed else details.variant or "default")
            values[name] = details.value is True and not failed
        return values
