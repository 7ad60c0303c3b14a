"""The forms in which the feed is given, and which one a request asks for."""

from __future__ import annotations

from enum import Enum

from duskgate.policy.request import Request
from duskgate.policy.resolvers import weight_of


class Form(Enum):
    """A form: the suffix of its path, its media type, and the names by which ``Accept`` may ask for it."""

    JSON = (".json", "application/json", (b"application/json",))
    HTML = (".html", "text/html; charset=utf-8", (b"text/html", b"application/xhtml+xml"))
    ATOM = (".atom", "application/atom+xml; charset=utf-8", (b"application/atom+xml",))
    ICALENDAR = (".ics", "text/calendar; charset=utf-8", (b"text/calendar",))

    def __init__(self, suffix: str, media_type: str, names: tuple[bytes, ...]) -> None:
        self.suffix = suffix
        self.media_type = media_type
        self.names = names


PERSONAL = (Form.HTML, Form.JSON)
"""The forms of a caller's own page."""

_BY_SUFFIX = {form.suffix: form for form in Form}
_BY_PREFERENCE = (Form.HTML, Form.JSON, Form.ATOM, Form.ICALENDAR)


def below(path: str, raw: bytes) -> str | None:
    """What stands behind the feed's path in a request's; ``None`` if the request is not for the feed."""
    rest = raw[len(path) :].decode("latin-1")
    return rest if raw.startswith(path.encode()) and rest[:1] in ("", ".", "/") else None


class Asked:
    """What a request for the feed is for. ``form`` is ``None`` where there is no such thing.

    ``mine``: the caller's own page. ``negotiated``: ``Accept`` had a say.
    """

    __slots__ = ("form", "mine", "negotiated")

    def __init__(self, rest: str, request: Request) -> None:
        """``rest`` as ``below`` gives it."""
        self.mine = rest == "/me" or rest.startswith("/me.")
        suffix = rest.removeprefix("/me") if self.mine else rest
        offered = PERSONAL if self.mine else _BY_PREFERENCE
        self.negotiated = not suffix
        found = preferred(request, offered) if self.negotiated else _BY_SUFFIX.get(suffix)
        self.form = found if found in offered else None


def preferred(request: Request, offered: tuple[Form, ...]) -> Form:
    """The form that ``Accept`` names with the greatest weight (RFC 9110 section 12.5.1); JSON if none."""
    weights = dict.fromkeys(offered, 0.0)
    for part in b",".join(request.values(b"accept")).split(b","):
        name = part.split(b";", 1)[0].strip().lower()
        for form in offered:
            if name in form.names:
                weights[form] = max(weights[form], weight_of(part))
    best = max(offered, key=lambda form: weights[form])
    return best if weights[best] > 0 else Form.JSON
