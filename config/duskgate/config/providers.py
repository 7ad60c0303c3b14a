"""Whether flags can be had where the section says, and what rules may be told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec

from duskgate.config.mistake import Mistake
from duskgate.config.models import CallerName, Flags
from duskgate.policy.attributes import OWN

EXTRAS = {
    "flagd": "openfeature.contrib.provider.flagd",
    "ofrep": "openfeature.contrib.provider.ofrep",
}
"""The module of each provider that is an extra."""

CREDENTIALS = frozenset(("authorization", "cookie", "proxy-authorization"))
"""Headers that hold secrets wherever they are sent."""


def mistakes(flags: Flags, identity: Sequence[CallerName]) -> Iterator[Mistake]:
    """What is wrong with the section ``flags``, beside the values of its keys."""
    module = EXTRAS.get(flags.provider, flags.provider.partition(":")[0])
    if flags.provider in EXTRAS and not _installed(module):
        package = f"openfeature-provider-{flags.provider}"
        hint = f"pip install 'duskgate[{flags.provider}]'"
        yield Mistake(("provider",), f"{package}, which speaks to it, is not installed", hint)
    elif ":" in flags.provider and not _installed(module):
        hint = "install it, or put its folder into PYTHONPATH"
        yield Mistake(("provider",), f"there is no module {module}", hint)
    secrets = CREDENTIALS | {step.header.lower() for step in identity if step.header and step.secret}
    for name, header in flags.attributes.items():
        path = ("context", name) if name in flags.context else ("country",)
        if name in OWN:
            yield Mistake(path, f"{name} is what rules are told anyway", "give it another name")
        if header.lower() in secrets:
            yield Mistake(path, f"{header} holds a secret, and rules never see one")
    if flags.country is not None and "country" in flags.context:
        yield Mistake(("country",), "country is also in context")


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except Exception:  # of the packages above it, which looking for it imports
        return False
