"""All steps that read tokens, and the one thread that keeps their keys up to date."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from duskgate.policy.callers import ByToken
from duskgate.policy.plan import Identity
from duskgate.tokens.source import UrlSource, source_of
from duskgate.tokens.verifier import Verifier
from duskgate.tokens.verify import Reason

logger = logging.getLogger("duskgate")

LOOK_SECONDS = 1.0
"""How often files are looked at, and whether a URL is due."""


class Observer(Protocol):
    """Hears how it goes. ``way`` is what ``match`` in the YAML calls the step, such as ``jwt:sub``."""

    def refused(self, way: str, reason: str) -> None:
        """A token named nobody. Called by whoever asked for its claim."""

    def loaded(self, way: str, good: bool, keys: int) -> None:
        """Keys were read, or could not be; so many are in force. Called from the thread, too."""


class Deaf:
    """An observer who does not listen."""

    def refused(self, way: str, reason: str) -> None: ...

    def loaded(self, way: str, good: bool, keys: int) -> None: ...


class Tokens:
    """Verifies the tokens of an identity's steps. ``claim`` never waits: keys come from the thread."""

    def __init__(
        self,
        identity: Identity,
        observer: Observer | None = None,
        *,
        kept: Path | None = None,
        network: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``kept``: a folder for copies of fetched keys. Without ``network`` only files are read, once.

        ``clock`` is in seconds since the epoch.
        """
        self._observer = observer or Deaf()
        self._kept = kept
        self._network = network
        self._clock = clock
        self._verifiers: Mapping[ByToken, Verifier] = {}
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self.take_over(identity)

    def claim(self, step: ByToken, value: bytes) -> str | None:
        """The claim that names the caller, from the value of a step's header, if there is a good token."""
        verifier = self._verifiers.get(step)
        return verifier.claim(value) if verifier is not None else None

    def take_over(self, identity: Identity) -> None:
        """Verify for these steps from now on. One that is as it was keeps its keys. Files are read here."""
        with self._lock:
            before = self._verifiers
            steps = [step for step in identity.callers if isinstance(step, ByToken)]
            self._verifiers = {step: before.get(step) or self._verifier(step) for step in steps}
        self._look(urls=False)
        if self._network and self._thread is None and any(one.source for one in self._verifiers.values()):
            self._thread = threading.Thread(target=self._run, name="token-keys", daemon=True)
            self._thread.start()
        self._woken.set()

    def wait(self, seconds: float) -> None:
        """Wait until all keys have been asked for once, or for so long."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not all(
            one.source.looked or one.source.keys is not None for one in self._verifiers.values() if one.source
        ):
            time.sleep(0.02)

    def close(self) -> None:
        """Stop the thread, without waiting for what it has asked."""
        self._stopped = True
        self._woken.set()

    def _verifier(self, step: ByToken) -> Verifier:
        return Verifier(step, source_of(step, self._kept), self._refuse, self._woken.set, self._clock)

    def _refuse(self, step: ByToken, reason: Reason) -> None:
        self._observer.refused(step.tag.decode(), reason.value)

    def _run(self) -> None:
        while not self._stopped:
            self._look(urls=True)
            self._woken.wait(LOOK_SECONDS)
            self._woken.clear()

    def _look(self, *, urls: bool) -> None:
        for step, verifier in self._verifiers.items():
            source = verifier.source
            if source is None or (isinstance(source, UrlSource) and not urls):
                continue
            try:
                good = source.look(time.monotonic())
            except Exception:
                logger.exception("keys of tokens: a fault of ours")
                continue
            if good is not None:
                self._observer.loaded(step.tag.decode(), good, source.keys.number if source.keys else 0)
