"""The ways to read the wanted version off a request. Each returns the texts that stand in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote_to_bytes

from duskgate.policy.request import Request


@dataclass(frozen=True, slots=True)
class HeaderResolver:
    """A request header whose value is the version."""

    name: str
    key: bytes

    @property
    def label(self) -> str:
        return f"header {self.name}"

    def read(self, request: Request) -> Sequence[bytes]:
        if self.key not in request.fields:
            return ()
        return [value.strip() for value in request.values(self.key)]


@dataclass(frozen=True, slots=True)
class MediaTypeResolver:
    """A vendor media type in ``Accept``, RFC 9110 section 12.5.1; the best weighted one decides."""

    before: bytes
    after: bytes

    @property
    def label(self) -> str:
        return "media type in Accept"

    def read(self, request: Request) -> Sequence[bytes]:
        if b"accept" not in request.fields:
            return ()
        best: tuple[float, bytes] | None = None
        for line in request.values(b"accept"):
            for part in line.split(b","):
                text = self.version_in(part)
                weight = weight_of(part)
                if text is not None and weight > 0 and (best is None or weight > best[0]):
                    best = (weight, text)
        return [best[1]] if best else []

    def version_in(self, media_range: bytes) -> bytes | None:
        """The text in the version's place of one media range, if it is of this shape."""
        name = media_range.split(b";", 1)[0].strip()
        if not (name.lower().startswith(self.before) and name.lower().endswith(self.after)):
            return None
        return name[len(self.before) : len(name) - len(self.after)] or None

    def naming(self, media_range: bytes, version: bytes) -> bytes:
        """A media range of this shape with the parameters of another one, its weight among them."""
        return self.before + version + self.after + b"".join(media_range.partition(b";")[1:])


def weight_of(media_range: bytes) -> float:
    """The ``q`` of a media range; 1 where there is none, 0 where it cannot be read."""
    for parameter in media_range.split(b";")[1:]:
        name, _, value = parameter.strip().partition(b"=")
        if name.strip().lower() == b"q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


@dataclass(frozen=True, slots=True)
class QueryResolver:
    """A query parameter whose value is the version."""

    name: str

    @property
    def label(self) -> str:
        return f"query {self.name}"

    def read(self, request: Request) -> Sequence[bytes]:
        if not request.query:
            return ()
        pairs = parse_qsl(request.query.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
        return [value.encode("latin-1") for name, value in pairs if name == self.name]

    def is_key(self, raw: bytes) -> bool:
        """Whether a key of a query, as sent, is the parameter's."""
        return unquote_to_bytes(raw.replace(b"+", b" ")).decode("latin-1") == self.name


@dataclass(frozen=True, slots=True)
class HostResolver:
    """A part of the host name, RFC 9110 section 7.2; a host of another shape says nothing."""

    before: bytes
    after: bytes

    @property
    def label(self) -> str:
        return "host"

    def read(self, request: Request) -> Sequence[bytes]:
        host = request.fields.get(b"host", b"").lower()
        name = host.rsplit(b":", 1)[0] if not host.endswith(b"]") else host
        shape = name.startswith(self.before) and name.endswith(self.after)
        text = name[len(self.before) : len(name) - len(self.after)]
        return [text] if shape and text and b"." not in text else []


@dataclass(frozen=True, slots=True)
class FlagResolver:
    """A boolean flag that gives a caller ``version`` while it is on for them. Weaker than every other."""

    flag: str
    version: str

    @property
    def label(self) -> str:
        return f"flag {self.flag}"


Explicit = HeaderResolver | MediaTypeResolver | QueryResolver | HostResolver
"""The path names a version too; it is read while the api is found by it."""
