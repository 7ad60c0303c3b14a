"""Keys, key sets and tokens, made for these tests alone."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from duskgate.policy.callers import ByToken
from duskgate.policy.plan import Identity

ASYMMETRIC = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
SHARED = "a secret that issuer and gateway share: long enough for 512 bits of a digest"


@dataclass(frozen=True)
class Signer:
    """A private key, and what a key set says of it."""

    algorithm: str
    private: Any
    kid: str | None

    @property
    def jwk(self) -> dict[str, Any]:
        """The public half; of a shared secret, all of it."""
        public = self.private if isinstance(self.private, str) else self.private.public_key()
        found: dict[str, Any] = get_default_algorithms()[self.algorithm].to_jwk(public, as_dict=True)
        return {**found, **({"kid": self.kid} if self.kid is not None else {})}

    def token(self, **claims: Any) -> str:
        """A token that is good for an hour, unless the claims say otherwise."""
        named = {"kid": self.kid} if self.kid is not None else {}
        payload = {"sub": "alice", "exp": int(time.time()) + 3600, **claims}
        payload = {name: value for name, value in payload.items() if value is not None}
        return jwt.PyJWS().encode(json.dumps(payload).encode(), self.private, self.algorithm, named)


@cache
def rsa_key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """One of several RSA keys, each made once."""
    return rsa.generate_private_key(65537, bits)


def signer(algorithm: str = "ES256", kid: str | None = "first") -> Signer:
    """A new key; of RSA always the same one, since those take long to make."""
    curves: dict[str, ec.EllipticCurve]
    curves = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
    private: Any
    if algorithm in curves:
        private = ec.generate_private_key(curves[algorithm])
    elif algorithm == "EdDSA":
        private = ed25519.Ed25519PrivateKey.generate()
    else:
        private = SHARED if algorithm.startswith("HS") else rsa_key()
    return Signer(algorithm, private, kid)


def key_set(*signers: Signer) -> bytes:
    """A key set with the keys of these."""
    return json.dumps({"keys": [one.jwk for one in signers]}).encode()


def step(jwks: str | Path | None, **more: Any) -> ByToken:
    """A step that reads ``sub`` of a bearer token."""
    given = {"algorithms": ASYMMETRIC, **more}
    return ByToken(
        name="Authorization",
        key=b"authorization",
        tag=b"jwt:sub",
        secret=True,
        claim=given.pop("claim", "sub"),
        jwks=str(jwks) if jwks is not None else None,
        **given,
    )


def identity(*steps: ByToken) -> Identity:
    return Identity(callers=steps)


def bearer(token: str) -> bytes:
    return f"Bearer {token}".encode()
