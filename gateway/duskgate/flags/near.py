"""Asking a provider that is sent its rules and evaluates them in this process: at once."""

from __future__ import annotations

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent

from duskgate.flags.client import Attributes, OnTold, failed
from duskgate.flags.evaluate import ignore
from duskgate.flags.health import Health
from duskgate.flags.set_up import SetUp
from duskgate.policy.identify import Who


class NearFlags:
    """Evaluates flags by such a provider. What it was sent last stays while it gets nothing new."""

    def __init__(self, provider: SetUp, health: Health) -> None:
        self._provider = provider
        self._health = health
        provider.once_bound = self._listen

    def evaluate(
        self, names: tuple[str, ...], who: Who, attributes: Attributes, told: OnTold = ignore
    ) -> dict[str, bool]:
        """Each flag's value for a caller; off until the provider has rules."""
        context = EvaluationContext(who.targeting_key, attributes())
        values = {}
        for name in names:
            ready = self._provider.ready
            answer = self._provider.client.ask(name, context) if ready else failed("PROVIDER_NOT_READY")
            told(name, answer.variant)
            values[name] = answer.value
        return values

    def _listen(self) -> None:
        """Only now: until then the client speaks of OpenFeature's own provider, which is always ready."""
        client = self._provider.client.open
        client.add_handler(ProviderEvent.PROVIDER_READY, self._well)
        client.add_handler(ProviderEvent.PROVIDER_STALE, self._ill)
        client.add_handler(ProviderEvent.PROVIDER_ERROR, self._ill)

    def _well(self, details: EventDetails) -> None:
        self._health.well()

    def _ill(self, details: EventDetails) -> None:
        self._health.ill(details.message or "it lost its connection")
