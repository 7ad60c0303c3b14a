"""The sections ``identity`` and ``consumers``: what is wrong with them, and compiling them."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

from duskgate.config import models
from duskgate.config.mistake import Mistake
from duskgate.config.tree import suggest
from duskgate.policy.addresses import Network, Peers
from duskgate.policy.callers import ByAddress, ByCertificate, ByHeader, ByToken, Caller
from duskgate.policy.identify import digest
from duskgate.policy.plan import Consumer, Identity

OWN_LABELS = frozenset(("anonymous", "other", "none"))
"""What stands in metrics and the ledger where no consumer's name does."""


def mistakes(document: models.Document, folder: Path) -> Iterator[Mistake]:
    """What the models cannot see. ``folder`` is where relative paths start."""
    taken: dict[str, int] = {}
    for index, step in enumerate(document.identity):
        at = ("identity", index)
        if step.called in taken:
            reason = f"names callers as identity[{taken[step.called]}] does"
            yield Mistake(at, reason, "give one of them a name of its own" if step.jwt is not None else "")
        taken.setdefault(step.called, index)
        if step.client_certificate is not None and not document.server.trusted_proxies:
            reason = "names nobody: no proxy is trusted to tell of certificates"
            yield Mistake((*at, "client_certificate"), reason, "add the proxy to server.trusted_proxies")
        if step.jwt is not None:
            yield from _keys(step.jwt, (*at, "jwt"), folder)
    yield from _consumers(document, list(taken))


def _keys(jwt: models.Jwt, at: tuple[str | int, ...], folder: Path) -> Iterator[Mistake]:
    from duskgate.tokens.keys import BadKeys, read_keys  # needs cryptography, which few need

    path = keys_path(jwt, folder)
    if path is None:
        if jwt.jwks is not None and any(name.startswith(models.SYMMETRIC) for name in jwt.algorithms):
            hint = "keep it in a file"
            yield Mistake((*at, "algorithms"), "a symmetric key is a secret, and no URL gives one", hint)
        return
    if not os.access(path, os.R_OK):
        yield Mistake((*at, "jwks"), f"{path} cannot be read")
        return
    try:
        read_keys(path.read_bytes(), tuple(jwt.algorithms))
    except BadKeys as error:
        yield Mistake((*at, "jwks"), f"{path}: {error}")


def keys_path(jwt: models.Jwt, folder: Path) -> Path | None:
    """The file with the keys, if they are in one."""
    if jwt.jwks is None or "://" in jwt.jwks:
        return None
    return folder.absolute() / jwt.jwks


def _consumers(document: models.Document, ways: list[str]) -> Iterator[Mistake]:
    owner: dict[tuple[str, str], str] = {}
    for name, consumer in document.consumers.items():
        if name in OWN_LABELS:
            yield Mistake(("consumers", name), f"{name} is what Duskgate itself calls some callers")
        for key, values in consumer.match.items():
            at = ("consumers", name, "match", key)
            way = way_of(key)
            if way not in ways:
                hint = suggest(key, [_written(step) for step in document.identity])
                yield Mistake(at, f"{key} is not among what identity reads", hint or "add it to identity")
            for value in values:
                if way == "ip" and way in ways and network(value) is None:
                    yield Mistake(at, f"{value!r} is not an address or a network, such as 10.0.0.0/8")
                if (way, value) in owner:
                    yield Mistake(at, f"the consumer {owner[way, value]} has the same value")
                owner.setdefault((way, value), name)


def _written(step: models.CallerName) -> str:
    return step.header or step.called


def way_of(key: str) -> str:
    """What a key of ``match`` calls, in the spelling of ``CallerName.called``: only claims have cases."""
    return key if ":" in key else key.lower()


def network(text: str) -> Network | None:
    """A network of ``match``, or ``None`` if it is none."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def compiled(document: models.Document, key: bytes, folder: Path) -> Identity:
    """Compile what ``mistakes`` found nothing wrong with. ``key`` is the secret of the digests."""
    callers = tuple(_caller(step, folder) for step in document.identity)
    by_address = any(isinstance(step, ByAddress) for step in callers)
    known, networks = {}, []
    for name, consumer in document.consumers.items():
        for way, values in consumer.match.items():
            for value in values:
                place = network(value) if way_of(way) == "ip" and by_address else None
                if place is not None:
                    networks.append((place, name))
                else:
                    tag = way_of(way).encode()
                    known[tag, digest(key, tag, value.encode())] = name
    networks.sort(key=lambda one: one[0].prefixlen, reverse=True)
    consumers = {name: Consumer(name, one.contact, one.critical) for name, one in document.consumers.items()}
    return Identity(
        callers,
        MappingProxyType(consumers),
        MappingProxyType(known),
        tuple(networks),
        Peers(document.server.trusted_proxies),
        key,
    )


def _caller(step: models.CallerName, folder: Path) -> Caller:
    if step.header is not None:
        return ByHeader(step.header, step.header.lower().encode(), step.hidden)
    if step.client_certificate is not None:
        source = step.client_certificate
        field = source.field.encode() if source.field is not None else None
        return ByCertificate(source.header, source.header.lower().encode(), step.hidden, field)
    if step.jwt is not None:
        return _token(step.jwt, step, folder)
    ip = step.ip or models.Ip.model_validate({})
    return ByAddress(ip.prefix, ip.prefix6, ip.header.lower().encode())


def _token(jwt: models.Jwt, step: models.CallerName, folder: Path) -> ByToken:
    path = keys_path(jwt, folder)
    return ByToken(
        name=jwt.header,
        key=jwt.header.lower().encode(),
        tag=jwt.called.encode(),
        secret=step.hidden,
        claim=jwt.claim,
        jwks=str(path) if path is not None else jwt.jwks,
        issuers=jwt.issuer or (),
        audiences=jwt.audience or (),
        algorithms=tuple(jwt.algorithms),
        leeway=jwt.leeway / 1000,
    )
