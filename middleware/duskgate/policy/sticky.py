"""What a share of the callers is sticky by: what stands for a caller when its bucket is worked out.

Each gives the bytes to hash, or ``None`` where the request has nothing to go by.
"""

from __future__ import annotations

from dataclasses import dataclass

from duskgate.policy.addresses import Peers, caller_address
from duskgate.policy.request import Request


@dataclass(frozen=True, slots=True)
class ByConsumer:
    """The caller's own key: the name of a known consumer, else the value that identifies the caller."""

    label: str = "consumer"
    vary: tuple[str, ...] = ()

    def read(self, request: Request) -> bytes | None:
        return request.key


@dataclass(frozen=True, slots=True)
class ByHeader:
    """The value of a request header, as sent."""

    name: str
    key: bytes

    @property
    def label(self) -> str:
        return f"header {self.name}"

    @property
    def vary(self) -> tuple[str, ...]:
        return (self.name,)

    def read(self, request: Request) -> bytes | None:
        return request.fields.get(self.key) or None


@dataclass(frozen=True, slots=True)
class ByCookie:
    """The value of a cookie, RFC 6265 section 4.2.1; the first one of that name."""

    name: bytes

    @property
    def label(self) -> str:
        return f"cookie {self.name.decode()}"

    @property
    def vary(self) -> tuple[str, ...]:
        return ("Cookie",)

    def read(self, request: Request) -> bytes | None:
        for line in request.values(b"cookie"):
            for pair in line.split(b";"):
                name, _, value = pair.partition(b"=")
                if name.strip() == self.name:
                    return value.strip() or None
        return None


@dataclass(frozen=True, slots=True)
class ByAddress:
    """The caller's address, as text, seen through the ``peers`` that are believed."""

    peers: Peers
    label: str = "ip"
    vary: tuple[str, ...] = ()

    def read(self, request: Request) -> bytes | None:
        address = caller_address(self.peers, request.peer, request.headers, b"x-forwarded-for")
        return str(address).encode() if address is not None else None


Sticky = ByConsumer | ByHeader | ByCookie | ByAddress

BY_CONSUMER = ByConsumer()
