"""All the flags of one process: overrides first, then whoever evaluates them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Protocol

from duskgate.config import Loaded
from duskgate.config.models import Flags
from duskgate.flags.client import Attributes, OnTold
from duskgate.flags.evaluate import ignore
from duskgate.flags.far import FarFlags
from duskgate.flags.file import FlagsFile
from duskgate.flags.health import Health, OnChange
from duskgate.flags.near import NearFlags
from duskgate.flags.overrides import OVERRIDE, OverridesFile
from duskgate.flags.providers import maker
from duskgate.flags.set_up import SetUp
from duskgate.policy.identify import Who

Values = dict[str, bool]


class Evaluator(Protocol):
    """Evaluates flags that nobody has flipped."""

    def evaluate(
        self, names: tuple[str, ...], who: Who, attributes: Attributes, told: OnTold
    ) -> Values | Awaitable[Values]: ...


class GatewayFlags:
    """Evaluates the flags of a configuration. ``file`` is the flags file, if they are in one."""

    def __init__(
        self, evaluator: Evaluator, overrides: OverridesFile, file: FlagsFile | None, provider: SetUp | None
    ) -> None:
        self.overrides = overrides
        self.file = file
        self._evaluator = evaluator
        self._provider = provider

    @classmethod
    def open(
        cls,
        loaded: Loaded,
        on_health: OnChange,
        *,
        deadline: float | None = None,
        good_flags: Path | None = None,
        good_overrides: Path | None = None,
    ) -> GatewayFlags | None:
        """The flags of a configuration; ``None`` if it has none. Raises InvalidFlags.

        A provider that is elsewhere is being set up from now on, and ``on_health`` told whether it answers.
        ``deadline``, in s, stands in for the configuration's. The paths are copies of what was in force last.
        """
        section, kept = loaded.document.flags, loaded.overrides_path
        if section is None or kept is None:
            return None
        overrides = OverridesFile(kept, good_overrides)
        if loaded.flags_path is not None:
            file = FlagsFile(loaded.flags_path, good_flags)
            return cls(file.flags, overrides, file, None)
        health = Health(section.provider, on_health)
        provider = SetUp(maker(section), health)
        evaluator = _evaluator(section, provider, health, deadline)
        provider.start()
        return cls(evaluator, overrides, None, provider)

    def evaluate(
        self, names: tuple[str, ...], who: Who, attributes: Attributes, told: OnTold = ignore
    ) -> Values | Awaitable[Values]:
        """Each flag's value for a caller: what it was flipped to, else what the provider says."""
        flipped: Values = {}
        for name in names:
            value = self.overrides.value(name, who)
            if value is not None:
                flipped[name] = value
                told(name, OVERRIDE[value])
        if not flipped:
            return self._evaluator.evaluate(names, who, attributes, told)
        rest = tuple(name for name in names if name not in flipped)
        if not rest:
            return flipped
        values = self._evaluator.evaluate(rest, who, attributes, told)
        return values | flipped if isinstance(values, dict) else _joined(values, flipped)

    async def ready(self, seconds: float) -> None:
        """Wait until a provider that is elsewhere can be asked, or cannot, but no longer than so."""
        if self._provider is not None:
            await asyncio.to_thread(self._provider.wait, seconds)

    async def aclose(self) -> None:
        """Let go of the provider."""
        if self._provider is not None:
            await asyncio.to_thread(self._provider.close)


async def _joined(values: Awaitable[Values], flipped: Values) -> Values:
    return await values | flipped


def _evaluator(section: Flags, provider: SetUp, health: Health, deadline: float | None) -> Evaluator:
    if not section.far:
        return NearFlags(provider, health)
    return FarFlags(provider, section.deadline / 1000 if deadline is None else deadline, health)
