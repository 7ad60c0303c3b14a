"""The ways to name a caller, as ``identity:`` lists them. Each knows what it reads; none reads it itself."""

from __future__ import annotations

from dataclasses import dataclass

CERTIFICATE = b"client_certificate"
ADDRESS = b"ip"


@dataclass(frozen=True, slots=True)
class ByHeader:
    """A header, whose value may be a secret."""

    name: str
    key: bytes
    secret: bool

    @property
    def tag(self) -> bytes:
        """What keeps the digests of one way apart from those of another, and what ``match`` calls it."""
        return self.key


@dataclass(frozen=True, slots=True)
class ByToken:
    """A claim of a JSON Web Token (RFC 7519) in a header.

    ``jwks`` is the https URL or the file's path of the keys; ``None``: the token is believed unverified.
    ``issuers`` and ``audiences``: one of them must be in the token, where there are any. ``leeway`` is in
    seconds.
    """

    name: str
    key: bytes
    tag: bytes
    secret: bool
    claim: str
    jwks: str | None
    issuers: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ()
    leeway: float = 0.0


@dataclass(frozen=True, slots=True)
class ByCertificate:
    """What a trusted proxy says in a header of the client certificate that it verified.

    ``field``: one field of Envoy's form of that header; ``None``: the whole value.
    """

    name: str
    key: bytes
    secret: bool
    field: bytes | None

    @property
    def tag(self) -> bytes:
        """As in ``ByHeader``."""
        return CERTIFICATE


@dataclass(frozen=True, slots=True)
class ByAddress:
    """The network that the caller's address lies in: so many bits of it, for IPv4 and for IPv6.

    ``header`` is where trusted proxies say what address they were asked from.
    """

    prefix: int
    prefix6: int
    header: bytes

    @property
    def tag(self) -> bytes:
        """As in ``ByHeader``."""
        return ADDRESS

    @property
    def secret(self) -> bool:
        """An address is a person's more often than not: it is shown to nobody."""
        return True


Caller = ByHeader | ByToken | ByCertificate | ByAddress
