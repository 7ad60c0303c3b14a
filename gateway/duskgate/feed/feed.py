"""The feed's documents: made once for each edition, by the first request for them, off the event loop."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from duskgate.config.models import Feed as Settings
from duskgate.feed import as_atom, as_json, mine
from duskgate.feed.edition import Edition
from duskgate.feed.forms import Form
from duskgate.feed.memory import Memory
from duskgate.feed.mine import NOT_RECORDED, UNREADABLE, OwnUse, Used
from duskgate.policy.identify import Who
from duskgate.policy.plan import Plan

logger = logging.getLogger("duskgate")

MOST_PAGES = 4
"""Callers' own pages that are made at once in a worker. Each costs a thread and a look-up in the record."""

MAX_AGE = 300
"""How long a document may be cached, in seconds; less where it changes before."""


class Busy(Exception):
    """As many callers' pages are being made as may be."""


class Document(NamedTuple):
    """One form of an edition. ``until`` is the first instant (ms) at which it may be another one."""

    body: bytes
    tag: bytes
    until: int | None

    def max_age(self, now: int) -> int:
        """How long it may be cached, in seconds; ``now`` in ms."""
        return MAX_AGE if self.until is None else max(0, min(MAX_AGE, (self.until - now) // 1000))


class _Issue:
    """An edition in the making, and the documents made of it."""

    def __init__(self, settings: Settings, plan: Plan, memory: Memory | None, now: int) -> None:
        self.plan = plan
        self.memory = memory
        self.edition = asyncio.create_task(asyncio.to_thread(Edition.of, settings, plan, memory, now))
        self.documents: dict[Form, asyncio.Task[Document]] = {}

    def is_of(self, plan: Plan, memory: Memory | None) -> bool:
        return self.plan is plan and self.memory is memory and not _failed(self.edition)


class Feed:
    """What the feed's room answers with.

    ``memory`` gives what is remembered, ``None`` where nothing is. ``own_use`` is the record of use that
    callers' own pages are made from; ``None``: use is not recorded.
    """

    def __init__(
        self,
        settings: Settings,
        memory: Callable[[], Memory | None] = lambda: None,
        own_use: OwnUse | None = None,
    ) -> None:
        self.settings = settings
        self._memory = memory
        self._own_use = own_use
        self._issue: _Issue | None = None
        self._pages = 0

    async def document(self, plan: Plan, now: int, form: Form) -> Document:
        """A form of the feed as it is at an instant (ms)."""
        issue, edition = await self._current(plan, now)
        making = issue.documents.get(form)
        if making is None or _failed(making):
            making = asyncio.create_task(asyncio.to_thread(_document, edition, form))
            issue.documents[form] = making
        return await asyncio.shield(making)

    async def rehearsed(self, plan: Plan, at: int, form: Form) -> Document:
        """The same for a moment that somebody asks about; it is not kept."""
        return await asyncio.to_thread(_document, await self._rehearsed(plan, at), form)

    async def mine(self, plan: Plan, now: int, form: Form, who: Who, *, rehearsed: bool = False) -> bytes:
        """A caller's own page. Raises Busy."""
        if self._pages >= MOST_PAGES:
            raise Busy
        self._pages += 1
        try:
            edition = await self._rehearsed(plan, now) if rehearsed else (await self._current(plan, now))[1]
            return await asyncio.to_thread(self._mine, edition, now, form, who)
        finally:
            self._pages -= 1

    def _mine(self, edition: Edition, now: int, form: Form, who: Who) -> bytes:
        page = mine.page(edition, who, *self._used(who, now), now)
        if form is Form.JSON:
            return mine.as_json(page)
        from duskgate.feed import as_html

        return as_html.render_mine(page)

    def _used(self, who: Who, now: int) -> tuple[Iterable[Used] | None, str | None]:
        if self._own_use is None:
            return None, NOT_RECORDED
        try:
            return list(self._own_use.of_consumer(who.label, mine.since(now))), None
        except Exception as error:  # databases fail in many ways; the dates are worth telling all the same
            logger.warning("the record of use cannot be read: %s", error)
            return None, UNREADABLE

    async def _rehearsed(self, plan: Plan, at: int) -> Edition:
        return await asyncio.to_thread(Edition.of, self.settings, plan, self._memory(), at)

    async def _current(self, plan: Plan, now: int) -> tuple[_Issue, Edition]:
        """The edition of an instant, made once for all who ask at the same time."""
        while True:
            memory = self._memory()
            issue = self._issue
            if issue is None or not issue.is_of(plan, memory):
                issue = self._issue = _Issue(self.settings, plan, memory, now)
            edition = await asyncio.shield(issue.edition)
            if edition.holds(now):
                return issue, edition
            if self._issue is issue:
                self._issue = None


def _document(edition: Edition, form: Form) -> Document:
    body = _rendered(edition, form)
    tag = b'"' + hashlib.sha256(body).hexdigest()[:24].encode() + b'"'
    return Document(body, tag, edition.until)


def _rendered(edition: Edition, form: Form) -> bytes:
    """The libraries of calendars and pages take memory, which workers that nobody asks for one need not."""
    match form:
        case Form.JSON:
            return as_json.render(edition)
        case Form.ATOM:
            return as_atom.render(edition)
        case Form.ICALENDAR:
            from duskgate.feed import as_icalendar

            return as_icalendar.render(edition)
        case Form.HTML:
            from duskgate.feed import as_html

            return as_html.render(edition)


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
