"""Making the OpenFeature provider that the section ``flags`` names."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from openfeature.provider import FeatureProvider

from duskgate.config.models import Flags

Make = Callable[[], FeatureProvider]

LEAST_MS = 1_000
"""How long a provider itself waits at the least: an answer too late for its request is good for the next."""


class NoProvider(ValueError):
    """There is no such provider; the message says why."""


def maker(flags: Flags) -> Make:
    """What makes the provider. It may raise anything: much of it is other people's code."""
    longest = max(flags.deadline, LEAST_MS)
    if flags.provider == "flagd":
        return lambda: _flagd(flags, longest)
    if flags.provider == "ofrep":
        return lambda: _ofrep(flags, longest)
    return lambda: factory(flags.provider)(dict(flags.options))


def try_factory(flags: Flags) -> None:
    """Look whether the factory of ``module:factory`` is there. Raises NoProvider."""
    if ":" not in flags.provider:
        return
    try:
        factory(flags.provider)
    except NoProvider:
        raise
    except Exception as error:  # whatever the module does when it is imported
        module = flags.provider.partition(":")[0]
        raise NoProvider(f"importing the module {module} fails: {type(error).__name__}: {error}") from None


def factory(place: str) -> Callable[[dict[str, object]], FeatureProvider]:
    """The factory that ``module:factory`` names. Raises NoProvider, or what importing the module raises."""
    module, _, name = place.partition(":")
    found: Callable[[dict[str, object]], FeatureProvider] | None = getattr(import_module(module), name, None)
    if not callable(found):
        raise NoProvider(f"the module {module} has no function {name}")
    return found


def _flagd(flags: Flags, longest: int) -> FeatureProvider:
    # gRPC is some 20 MiB, which no other provider needs
    from openfeature.contrib.provider.flagd import FlagdProvider
    from openfeature.contrib.provider.flagd.config import ResolverType

    made: FeatureProvider = FlagdProvider(
        host=flags.host,
        port=flags.port if flags.port is not None else 8015 if flags.resolver == "in-process" else 8013,
        tls=flags.tls,
        deadline_ms=longest,
        resolver_type=ResolverType(flags.resolver),
        retry_grace_period=1,  # s; a thread waits for it also when the process wants to end
    )
    return made


def _ofrep(flags: Flags, longest: int) -> FeatureProvider:
    from openfeature.contrib.provider.ofrep import OFREPProvider

    headers = dict(flags.headers)
    made: FeatureProvider = OFREPProvider(
        flags.url or "", headers_factory=lambda: headers, timeout=longest / 1000
    )
    return made
