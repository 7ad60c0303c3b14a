"""The tokens of the configuration in force. What verifies them is loaded only where one reads any."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from duskgate.policy.callers import ByToken
from duskgate.policy.identify import reads_tokens
from duskgate.policy.plan import Identity
from duskgate.usage.instruments import Instruments
from duskgate.usage.tokens import TokenMetrics

if TYPE_CHECKING:
    from duskgate.tokens import Tokens

KEYS_SECONDS = 3.0
"""How long a worker waits for keys before it serves: without them nobody is known by a token."""


class TokensInForce:
    """Verifies tokens for whatever identity was taken over last."""

    def __init__(self, identity: Identity, instruments: Instruments, run_dir: Path | None) -> None:
        """``run_dir`` is where copies of fetched keys are kept for workers that are started later."""
        self._observer = TokenMetrics(instruments)
        self._run_dir = run_dir
        self._tokens: Tokens | None = None
        self.take_over(identity)

    def claim(self, step: ByToken, value: bytes) -> str | None:
        """As ``Tokens.claim``."""
        return self._tokens.claim(step, value) if self._tokens is not None else None

    def take_over(self, identity: Identity) -> None:
        """Verify for these steps from now on."""
        if self._tokens is not None:
            self._tokens.take_over(identity)
        elif reads_tokens(identity):
            from duskgate.tokens import Tokens

            self._tokens = Tokens(identity, self._observer, kept=self._run_dir)

    def wait(self) -> None:
        """Wait until the keys are there, for ``KEYS_SECONDS`` at most."""
        if self._tokens is not None:
            self._tokens.wait(KEYS_SECONDS)

    def close(self) -> None:
        """Look at no keys any more."""
        if self._tokens is not None:
            self._tokens.close()
