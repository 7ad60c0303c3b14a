"""Setting up a provider in a thread of its own, again and again until it can be: nothing waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from openfeature.evaluation_context import EvaluationContext
from openfeature.provider import FeatureProvider, ProviderStatus

from duskgate.flags.client import Answer, Client, failed
from duskgate.flags.health import Health
from duskgate.flags.providers import Make

AGAIN_SECONDS = 5.0
"""Between two attempts to make a provider, or to initialize one that says it is broken for good."""

SLOW_SECONDS = 10.0
"""A provider that is not initialized by then is said not to answer."""

CLOSE_SECONDS = 1.0


class SetUp:
    """A provider that is being made, or is made. ``ready``: it can be asked.

    ``once_bound`` is called the first time that there is a provider.
    """

    def __init__(self, make: Make, health: Health) -> None:
        self.ready = False
        self.client = Client()
        self.once_bound: Callable[[], None] | None = None
        self._make = make
        self._health = health
        self._provider: FeatureProvider | None = None
        self._settled = threading.Event()
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._keep, name="flag-provider", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Wait until it is ready, or until the first attempt failed; whether it is ready."""
        self._settled.wait(seconds)
        return self.ready

    def answers(self, names: tuple[str, ...], context: EvaluationContext) -> Mapping[str, Answer]:
        """Ask for each flag. Blocks for as long as the provider does, and never raises."""
        try:
            return {name: self.client.ask(name, context) for name in names}
        except BaseException as error:  # a provider that wants to end the process: not through a flag
            return dict.fromkeys(names, failed("GENERAL", f"{type(error).__name__}: {error}"))

    def close(self) -> None:
        """Let go of the provider, which has a moment for it."""
        self._ended.set()
        shutdown = getattr(self._provider, "shutdown", None)
        if shutdown is not None:
            closing = threading.Thread(target=shutdown, name="flag-provider-close", daemon=True)
            closing.start()
            closing.join(CLOSE_SECONDS)

    def _keep(self) -> None:
        slow = threading.Timer(SLOW_SECONDS, self._slow)
        slow.daemon = True
        slow.start()
        self._try()
        self._settled.set()
        slow.cancel()
        while not self._ended.wait(AGAIN_SECONDS):
            if self._broken():
                self._try()

    def _try(self) -> None:
        try:
            self._provider = self._make()
            self.client.bind(self._provider)
        except BaseException as error:
            self._health.ill(f"{type(error).__name__}: {error}")
        self.ready = self._provider is not None
        if self.ready and self.once_bound is not None:
            self.once_bound()
            self.once_bound = None

    def _slow(self) -> None:
        if not self.ready:
            self._health.ill(f"not initialized within {SLOW_SECONDS:g} s")

    def _broken(self) -> bool:
        return self._provider is None or self.client.open.get_provider_status() is ProviderStatus.FATAL
