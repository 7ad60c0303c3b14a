"""The kinds of scalar the YAML holds: each from its text, with a message that says how to write it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from duskgate.policy.fields import FieldPathError, parse_field
from duskgate.policy.instants import FIRST_MS, LAST_MS

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_SPAN = re.compile(r"(?:\d{1,15}(?:ms|s|m|h|d|w))+")
_PART = re.compile(r"(\d+)(ms|s|m|h|d|w)")
_SIZE = re.compile(r"(\d{1,15})\s*(B|KiB|MiB|GiB|kB|MB|GB)?")
_SIZES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "kB": 1000, "MB": 1000**2, "GB": 1000**3}
_LONGEST_MS = 100 * 365 * 86_400_000


def bad(reason: str) -> PydanticCustomError:
    """A validation error with a message of our own, which is no template: braces stay as they are."""
    return PydanticCustomError("duskgate", reason)


def _text(value: Any, what: str) -> str:
    if value is None:
        raise bad(f"is empty; {what}")
    if not isinstance(value, str):
        raise bad(what)
    return value.strip()


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = _text(value, "write true or false")
    if text not in ("true", "false"):
        raise bad(f"{text!r} is neither true nor false")
    return text == "true"


def whole_number(value: Any) -> int:
    """A whole number from its text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = _text(value, "write a whole number")
    if not re.fullmatch(r"-?\d{1,18}", text):
        raise bad(f"{text!r} is not a whole number")
    return int(text)


def _percent(value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
    else:
        text = _text(value, "write a percentage, such as 5").removesuffix("%").strip()
        if not re.fullmatch(r"\d{1,3}(\.\d{1,6})?", text):
            raise bad(f"{text!r} is not a percentage from 0 to 100")
        number = float(text)
    if not 0 <= number <= 100:
        raise bad(f"{number:g} is not a percentage from 0 to 100")
    return number


def span_ms(text: str) -> int | None:
    """A length of time such as ``1h30m`` in milliseconds; ``None`` if the text is not one."""
    if not _SPAN.fullmatch(text):
        return None
    length = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    return length if length <= _LONGEST_MS else None


def _span(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = _text(value, "write a length of time, such as 500ms, 10s or 1h")
    length = span_ms(text)
    if length is None:
        raise bad(f"{text!r} is not a length of time; write it with its unit, such as 500ms, 10s, 1h or 2w")
    return length


def _lasting(value: Any) -> int | None:
    return None if value == "never" else _span(value)


def _size(value: Any) -> int | None:
    text = _text(str(value) if isinstance(value, int) else value, "write a size, such as 100MiB")
    if text == "unlimited":
        return None
    match = _SIZE.fullmatch(text)
    if match is None:
        raise bad(f"{text!r} is not a size; write a number with B, KiB, MiB or GiB, or unlimited")
    return int(match[1]) * _SIZES[match[2] or "B"]


@dataclass(frozen=True)
class After:
    """An instant that counts from another one, as from ``announced``; ``length`` in ms."""

    length: int


When = int | After


def instant_of(when: When | None, start: int | None) -> int | None:
    """The instant in ms; ``None`` if there is none, or if it counts from a ``start`` that is not given."""
    if isinstance(when, After):
        return None if start is None else start + when.length
    return when


def instant_ms(text: str) -> int:
    """A date (00:00 UTC) or an RFC 3339 time with its zone, in ms since the epoch. Raises ValueError."""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        moment = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    elif re.fullmatch(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?([Zz]|[+-]\d{2}:\d{2})?", text):
        moment = datetime.fromisoformat(text.upper())
        if moment.tzinfo is None:
            raise ValueError("says no time zone; end it with Z or an offset such as +02:00")
    else:
        raise ValueError("is not a date such as 2027-01-01 or a time such as 2027-01-01T00:00:00Z")
    instant = round(moment.timestamp() * 1000)
    if not FIRST_MS <= instant <= LAST_MS:
        raise ValueError("lies outside the years 1 to 9999, UTC")
    return instant


def _instant(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = _text(value, "write a date such as 2027-01-01 or a time such as 2027-01-01T00:00:00Z")
    try:
        return instant_ms(text)
    except ValueError as error:
        reason = str(error)
        if not reason.startswith(("is not a date", "says no time zone", "lies outside")):
            reason = f"does not exist: {reason}"
        raise bad(f"{text!r} {reason}") from None


def _when(value: Any) -> When:
    if isinstance(value, str) and value.strip().startswith("+"):
        length = span_ms(value.strip()[1:])
        if length is None:
            raise bad(f"{value!r} is not a relative date; write + and a length of time, such as +6w")
        return After(length)
    return value if isinstance(value, After) else _instant(value)


_ANY_HOST = ("0.0.0.0", "::")  # noqa: S104 - to recognise, not to listen on


@dataclass(frozen=True)
class Listen:
    """A host and port to listen on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def clashes(self, other: Listen) -> bool:
        """Whether the two cannot both be listened on."""
        hosts = {self.host, other.host}
        return 0 < self.port == other.port and (len(hosts) == 1 or not hosts.isdisjoint(_ANY_HOST))

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def _listen(value: Any) -> Listen:
    if isinstance(value, Listen):
        return value
    text = _text(value, "write an address and a port, such as 127.0.0.1:8080")
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not re.fullmatch(r"\d{1,5}", port) or int(port) > 65535:
        raise bad(f"{text!r} is not an address and a port, such as 127.0.0.1:8080")
    return Listen(host, int(port))


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(value: Any) -> Network:
    text = _text(value, "write an address or a network, such as 10.0.0.0/8")
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise bad(f"{text!r} is not an address or a network, such as 10.0.0.0/8") from None


def _url(value: Any) -> str:
    text = _text(value, "write a URL, such as http://127.0.0.1:9001")
    if re.fullmatch(r"unix:/[^\s\x00]+", text):
        return text
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound or re.search(r"[\s\x00-\x1f]", text):
        raise bad(f"{text!r} is not a URL with http:// or https:// and a host, nor unix:/path")
    if parts.query or parts.fragment:
        raise bad(f"{text!r} is a base URL: it may have a path, but no query and no fragment")
    if parts.username or parts.password:
        raise bad("credentials do not belong in a URL")
    return text.rstrip("/")


def _database(value: Any) -> str:
    text = _text(value, "write a database URL, such as sqlite:///duskgate.db")
    if re.fullmatch(r"sqlite:///[^?#\x00-\x1f]+", text) and not text.endswith(("/", ":memory:")):
        return text
    try:
        parts = urlsplit(text)
        sound = parts.scheme == "postgresql" and parts.port != 0 and len(parts.path) > 1
    except ValueError:
        sound = False
    if not sound or re.search(r"[\s\x00-\x1f]", text):
        raise bad("is neither sqlite:/// and a file's path nor postgresql://user@host/database")
    return text


def _web_url(value: Any) -> str:
    text = _text(value, "write a URL, such as https://docs.example.com/migrate")
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r'[\s\x00-\x1f<>"]', text):
        raise bad(f"{text!r} is not a URL with http:// or https:// and a host")
    return text


def _jwks(value: Any) -> str:
    """Keys decide who a caller is, so nobody on the way may change them."""
    text = _text(value, "write the URL or the file of a key set")
    if "://" not in text:
        return text
    url = _web_url(text)
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise bad("credentials do not belong in a URL")
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise bad(f"{text!r} could be changed on the way: https://, or http:// to this machine itself")
    return url


def _texts(value: Any) -> tuple[str, ...]:
    """One text, or several."""
    several = value if isinstance(value, list) else [value]
    texts = tuple(_text(item, "takes a text, or a list of texts") for item in several)
    if not all(texts):
        raise bad("must not be empty")
    return texts


def _contact(value: Any) -> str:
    text = _text(value, "write a URL, such as mailto:api@example.com")
    if re.fullmatch(r"mailto:[^\s@<>\"\x00-\x1f]+@[^\s@<>\"\x00-\x1f]+", text):
        return text
    if not text.startswith("https://"):
        raise bad(f"{text!r} is neither a mailto: nor an https: URL")
    return _web_url(text)


def _field_path(value: Any) -> str:
    text = _text(value, "write a field path, such as $.items[*].id")
    try:
        parse_field(text)
    except FieldPathError as error:
        raise bad(str(error)) from None
    return text


def _tolerance(value: Any) -> str:
    text = _text(
        value if isinstance(value, str) else str(value), "write a number or a share, such as 0.01 or 1%"
    )
    if not re.fullmatch(r"\d{1,15}(\.\d{1,15})?\s*%?", text):
        raise bad(f"{text!r} is not a tolerance; write a number such as 0.01, or a share such as 1%")
    return text


SHORTEST_SECRET = 16


def hard_to_guess(value: str) -> str:
    """A secret that callers send, long enough and fit for a header. The message does not show it."""
    if len(value) < SHORTEST_SECRET:
        raise bad(f"has fewer than {SHORTEST_SECRET} characters: it could be guessed")
    if not re.fullmatch(r"[!-~]+", value):
        raise bad("holds more than visible ASCII characters, which a header may not")
    return value


def _ratio(value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
    else:
        text = _text(value, "write a number larger than 1, such as 1.5")
        if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text):
            raise bad(f"{text!r} is not a number such as 1.5")
        number = float(text)
    if number <= 1:
        raise bad(f"{number:g} is not larger than 1: how many times as much is too much")
    return number


def _schema(kind: str, **more: Any) -> WithJsonSchema:
    """A scalar's JSON Schema; ``${NAME}`` may stand in its place."""
    return WithJsonSchema({"anyOf": [{"type": kind, **more}, {"type": "string", "pattern": r"\$\{"}]})


def _words(pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": rf"{pattern}|\$\{{", "examples": list(examples)})


Flag = Annotated[bool, BeforeValidator(_flag), _schema("boolean")]
Integer = Annotated[int, BeforeValidator(whole_number), _schema("integer")]
Percent = Annotated[float, BeforeValidator(_percent), WithJsonSchema({"type": ["number", "string"]})]
Ratio = Annotated[float, BeforeValidator(_ratio), WithJsonSchema({"type": ["number", "string"]})]
Span = Annotated[int, BeforeValidator(_span), _words(r"^(\d+(ms|s|m|h|d|w))+$", "10s", "1h30m")]
Lasting = Annotated[
    int | None, BeforeValidator(_lasting), _words(r"^(\d+(ms|s|m|h|d|w))+$|^never$", "1d", "never")
]
Size = Annotated[
    int | None,
    BeforeValidator(_size),
    _words(r"^\d+\s*(B|KiB|MiB|GiB|kB|MB|GB)?$|^unlimited$", "100MiB", "unlimited"),
]
Instant = Annotated[int, BeforeValidator(_instant), _words(r"^\d{4}-\d{2}-\d{2}", "2027-01-01")]
Moment = Annotated[When, BeforeValidator(_when), _words(r"^(\d{4}-\d{2}-\d{2}|\+\d)", "2027-01-01", "+6w")]
Address = Annotated[Listen, BeforeValidator(_listen), _words(r":\d{1,5}$", "127.0.0.1:8080")]
Peer = Annotated[Network, BeforeValidator(_network), _words(r"^[0-9a-fA-F:.]+(/\d+)?$", "10.0.0.0/8")]
FieldPath = Annotated[str, BeforeValidator(_field_path), _words(r"^\$", "$.items[*].id", "$..updated_at")]
Tolerance = Annotated[str, BeforeValidator(_tolerance), WithJsonSchema({"type": ["number", "string"]})]
Jwks = Annotated[str, BeforeValidator(_jwks), _words(r".", "https://id.example.com/jwks", "keys.json")]
Texts = Annotated[
    tuple[str, ...],
    BeforeValidator(_texts),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
            ]
        }
    ),
]
Contact = Annotated[str, BeforeValidator(_contact), _words(r"^(mailto:|https://)", "mailto:api@example.com")]
WebUrl = Annotated[str, BeforeValidator(_web_url), _words(r"^https?://", "https://docs.example.com")]
Url = Annotated[str, BeforeValidator(_url), _words(r"^(https?://|unix:/)", "http://127.0.0.1:9001")]
Database = Annotated[
    str,
    BeforeValidator(_database),
    _words(r"^(sqlite:///|postgresql://).", "sqlite:///duskgate.db", "postgresql://duskgate@db/duskgate"),
]
