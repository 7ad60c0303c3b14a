"""Who is calling: ways to name a caller, and consumers known by name."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from duskgate.config.models.base import HeaderName, Name, Section, Text, exactly_one
from duskgate.config.scalars import Contact, Flag, Integer, Jwks, Span, Texts, bad

Algorithm = Literal[
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "HS256",
    "HS384",
    "HS512",
]
"""RFC 7518 section 3.1 and RFC 8037. Whoever can verify those that begin with HS could sign as well."""

SYMMETRIC = "HS"


class Jwt(Section):
    """A caller named by a claim of a JSON Web Token."""

    name: Name = Field("jwt", description="What match calls it: NAME:CLAIM.")
    header: HeaderName = Field("Authorization", description="The header with the token.")
    claim: Text = Field("sub", description="The claim that names the caller.")
    jwks: Jwks | None = Field(None, description="https URL or file of the keys that verify the token.")
    issuer: Texts | None = Field(None, description="One of these issued the token.")
    audience: Texts | None = Field(None, description="The token is for one of these.")
    algorithms: list[Algorithm] = Field(
        [name for name in get_args(Algorithm) if not name.startswith(SYMMETRIC)],
        description="Signatures that are accepted.",
        min_length=1,
    )
    leeway: Annotated[Span, Field(le=600_000)] = Field(
        0, description="How far the clocks of issuer and gateway may differ."
    )
    unverified: Flag = Field(False, description="Believe the token without verifying it.")

    @model_validator(mode="after")
    def _sound(self) -> Jwt:
        if self.unverified:
            useless = {"jwks", "issuer", "audience", "algorithms", "leeway"} & self.model_fields_set
            if useless:
                raise bad(f"{' and '.join(sorted(useless))} have no use where unverified is true")
        elif self.jwks is None:
            raise bad("jwks is missing: the keys that verify the token; or say unverified: true")
        return self

    @property
    def called(self) -> str:
        """What ``match`` calls it."""
        return f"{self.name}:{self.claim}"


class ClientCertificate(Section):
    """A caller named by the client certificate that a trusted proxy verified."""

    header: HeaderName = Field(description="The header in which the proxy tells of it.")
    field: Literal["Hash", "Subject", "URI", "DNS"] | None = Field(
        None, description="A field of X-Forwarded-Client-Cert; left out: the header's whole value."
    )

    @model_validator(mode="after")
    def _sound(self) -> ClientCertificate:
        if self.field is None and self.header.lower() == "x-forwarded-client-cert":
            raise bad("X-Forwarded-Client-Cert holds several fields: add field: URI, Subject, DNS or Hash")
        return self


class Ip(Section):
    """A caller named by the network that its address lies in."""

    prefix: Annotated[Integer, Field(ge=8, le=32)] = Field(32, description="Bits of an IPv4 address.")
    prefix6: Annotated[Integer, Field(ge=16, le=128)] = Field(64, description="Bits of an IPv6 address.")
    header: HeaderName = Field(
        "X-Forwarded-For", description="Where trusted proxies say whom they were asked by."
    )


class CallerName(Section):
    """One way to name the caller; the first that is present does."""

    header: HeaderName | None = Field(None, description="A header whose value names the caller.")
    jwt: Jwt | None = None
    client_certificate: ClientCertificate | None = None
    ip: Ip | None = None
    secret: Flag | None = Field(
        None, description="The value is a secret: only its keyed digest is shown, also to flags."
    )

    @model_validator(mode="after")
    def _one(self) -> CallerName:
        exactly_one(self, "header", "jwt", "client_certificate", "ip")
        if self.ip is not None and self.secret is not None:
            raise bad("secret does not go with ip: only digests of addresses are shown")
        return self

    @property
    def hidden(self) -> bool:
        """Whether the value is a secret; as long as nobody says so, only a header's is none."""
        return self.header is None if self.secret is None else self.secret

    @property
    def called(self) -> str:
        """What ``match`` calls it."""
        if self.header is not None:
            return self.header.lower()
        if self.jwt is not None:
            return self.jwt.called
        return "ip" if self.ip is not None else "client_certificate"


class Consumer(Section):
    """A consumer known by name."""

    match: dict[Text, Texts] = Field(description="Values that identify the consumer.")
    contact: Contact | None = Field(None, description="Where to reach them: a mailto: or https: URL.")
    critical: Flag = Field(False, description="Losing them would hurt.")

    @model_validator(mode="after")
    def _matches(self) -> Consumer:
        if not self.match or not all(self.match.values()):
            raise bad("match is empty; name a header and the value the consumer sends")
        return self
