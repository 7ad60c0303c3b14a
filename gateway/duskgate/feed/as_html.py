"""The feed for people: pages that load nothing from anywhere."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from duskgate.feed.edition import Edition
from duskgate.feed.endings import ahead
from duskgate.feed.forms import Form
from duskgate.feed.mine import Page, since
from duskgate.policy.instants import rfc3339

STYLE = Markup(
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:45rem;margin:2rem auto;padding:0 1rem}"
    "h2{font-size:1.1rem;margin:2rem 0 .5rem}small{font-weight:400;border:1px solid;border-radius:.3rem;"
    "padding:0 .4rem}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;margin:0}"
    "dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}:root{color-scheme:light dark}"
)

_DIGEST = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""The content security policy of the pages: their own style, and nothing else."""

_LABELS = {Form.JSON: "JSON", Form.ATOM: "Atom", Form.ICALENDAR: "calendar"}


def _readable(instant: int) -> str:
    """``1 Jan 2027 00:00``; UTC, as the pages say."""
    moment = datetime.fromtimestamp(instant // 1000, UTC)
    return f"{moment.day} {moment:%b} {moment.year:04d} {moment:%H:%M}"


_pages = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_pages.filters.update(readable=_readable, rfc3339=rfc3339, ahead=ahead)


def render(edition: Edition) -> bytes:
    """Everybody's page."""
    others = [(label, edition.here(form.suffix)) for form, label in _LABELS.items()]
    mine = edition.here("/me.html") if edition.personal else None
    return _page("feed.html", edition, others=others, mine=mine)


def render_mine(page: Page) -> bytes:
    """One caller's page."""
    edition = page.edition
    everything = edition.here(Form.HTML.suffix)
    return _page("mine.html", edition, page=page, everything=everything, since=since(page.now))


def _page(name: str, edition: Edition, **more: object) -> bytes:
    title = edition.settings.title
    return _pages.get_template(name).render(title=title, style=STYLE, edition=edition, **more).encode()
