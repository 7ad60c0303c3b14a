"""Asking OpenFeature for one flag, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import NamedTuple

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.provider import FeatureProvider

OnTold = Callable[[str, str], None]
"""Told (flag, variant) for each evaluation: see ``Answer.variant``."""

Attributes = Callable[[], Mapping[str, str]]

_domains = count()


class Answer(NamedTuple):
    """What a flag is for a caller. ``error`` is why it could not be evaluated, as a code; it is off then.

    ``variant`` is the provider's, ``default`` where it named none, or ``error:CODE``. ``reason``: the error
    in the provider's own words.
    """

    value: bool
    variant: str
    error: str | None = None
    reason: str = ""


def failed(error: str, reason: str = "") -> Answer:
    """What stands for a flag that could not be evaluated."""
    return Answer(False, f"error:{error}", error, reason)


class Client:
    """An OpenFeature client of a domain of its own."""

    def __init__(self) -> None:
        self._domain = f"duskgate-{next(_domains)}"
        self.open = api.get_client(self._domain)

    def bind(self, provider: FeatureProvider) -> None:
        """Ask this provider from now on. Waits until it is initialized; raises whatever that raises."""
        api.set_provider_and_wait(provider, self._domain)

    def ask(self, flag: str, context: EvaluationContext) -> Answer:
        """One flag's value for a caller, whatever the provider does."""
        details = self.open.get_boolean_details(flag, False, context)
        if details.error_code is not None:
            return failed(details.error_code.value, details.error_message or "")
        return Answer(details.value is True, details.variant or "default")
