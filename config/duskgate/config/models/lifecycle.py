"""The dates of an api, a version or an endpoint, and what goes with them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from duskgate.config.models.base import DAY, WEEK, Method, Positive, Section, Text
from duskgate.config.scalars import (
    Contact,
    Flag,
    Instant,
    Integer,
    Moment,
    Percent,
    Span,
    WebUrl,
    bad,
    whole_number,
)

MOST_WINDOWS = 1000
"""Brownouts of one series."""


class RampStep(Section):
    """From so long after the start of its brownouts on, so many of the consumers are hit."""

    after: Span
    percent: Percent


class Brownouts(Section):
    """One window in which the sunset is rehearsed, or a series of them."""

    start: Moment = Field(alias="from", description="When the first one begins.")
    length: Span | None = Field(None, alias="for", description="How long each one is.")
    until: Moment | None = Field(None, description="When the only one ends, instead of its length.")
    ladder: list[Positive] | None = Field(
        None,
        description="The lengths of several, one after the other.",
        min_length=1,
        max_length=MOST_WINDOWS,
    )
    every: Positive | None = Field(None, description="From the start of one to that of the next.")
    times: Annotated[Integer, Field(ge=1, le=MOST_WINDOWS)] = Field(1, description="How many there are.")
    growth: Annotated[Integer, Field(ge=1, le=100)] = Field(
        1, description="Each is so many times as long as the one before."
    )
    percent: Percent = Field(100, description="How many of the consumers are hit; always the same ones.")
    ramp: list[RampStep] | None = Field(None, description="The same, growing with time.", min_length=1)
    exempt: list[Text] = Field([], description="Consumers that are spared.")
    status: Annotated[Literal[410, 503], BeforeValidator(whole_number)] = Field(
        410, description="What is answered."
    )

    @model_validator(mode="after")
    def _sound(self) -> Brownouts:
        given = [key for key, one in self._lengths().items() if one is not None]
        if len(given) != 1:
            raise bad(f"takes exactly one of for, until, ladder; it has {' and '.join(given) or 'none'}")
        several = self.times > 1 or len(self.ladder or ()) > 1
        if several != (self.every is not None):
            raise bad("every goes with times or ladder: how far apart they are")
        if self.length is None and (self.times > 1 or self.growth > 1):
            raise bad("times and growth go with for")
        if self.ramp is not None and "percent" in self.model_fields_set:
            raise bad("takes percent or ramp, not both")
        return self

    def _lengths(self) -> dict[str, object]:
        return {"for": self.length, "until": self.until, "ladder": self.ladder}


class GracePeriod(Section):
    """A named consumer's later sunset."""

    consumer: Text
    until: Moment
    owner: Text = Field(description="Who answers for the exception.")
    reason: Text


class Freeze(Section):
    """Keeping newcomers off."""

    start: Moment | None = Field(None, alias="from", description="From here on; left out: from deprecated.")
    mode: Literal["observe", "enforce"] = Field(
        "observe", description="observe: newcomers are counted; enforce: they are refused with 403."
    )


class OldShare(Section):
    """The version's part of the api's requests is below a bound."""

    below: Percent
    over: Positive = Field(WEEK, description="In the time just past.")


class SuccessorErrors(Section):
    """The successor answers with 5xx no more often than the version itself."""

    over: Positive = Field(DAY, description="In the time just past.")
    tolerance: Percent = Field(0, description="How many more, in percent of the requests, are all right.")


class ContactsNotified(Section):
    """Every known consumer that still calls has been told, by the record of duskgate switch notified."""

    over: Positive = Field(WEEK, description="Who called in the time just past.")


class Accept(Section):
    """A gate before the sunset: what must be so for it to take effect."""

    old_share: OldShare | None = None
    critical_unseen: Positive | None = Field(None, description="No critical consumer called for so long.")
    successor_errors: SuccessorErrors | None = None
    contacts_notified: ContactsNotified | None = None
    unmet: Literal["hold", "warn"] = Field(
        "hold", description="hold: the sunset waits; warn: it does not, but the log and the metrics say so."
    )
    hold_at_most: Positive = Field(14 * DAY, description="How long the sunset waits at the most.")
    on_unknown: Literal["hold", "enforce"] = Field(
        "hold", description="What to do where a condition cannot be judged, as without a ledger."
    )

    @model_validator(mode="after")
    def _any(self) -> Accept:
        if not (self.old_share or self.critical_unseen or self.successor_errors or self.contacts_notified):
            known = "old_share, critical_unseen, successor_errors, contacts_notified"
            raise bad(f"names no condition; there are {known}")
        return self


class Lifecycle(Section):
    """The dates of an api, a version or an endpoint."""

    use: Text | None = Field(None, description="A named lifecycle that this one starts from.")
    inherit: Flag = Field(
        True, description="Start from the version's, or the api's, where this says nothing."
    )
    announced: Instant | None = Field(None, description="Callers are told from here on.")
    deprecated: Moment | None = Field(None, description="The Deprecation header's date.")
    sunset: Moment | None = Field(None, description="From here on: 410 Gone.")
    removed: Moment | None = Field(None, description="From here on: 404.")
    minimum_notice: Span | None = Field(None, description="A shorter notice is warned of.")
    guide: WebUrl | None = Field(None, description="The migration guide callers are pointed to.")
    contact: Contact | None = Field(None, description="Whom callers may ask: a mailto: or https: URL.")
    successor: Text | None = Field(None, description="The version to move to.")
    successor_path: Annotated[str, StringConstraints(pattern="^/")] | None = Field(
        None, description="An endpoint's path template in the successor, where it differs."
    )
    successor_method: Method | None = Field(None, description="Its method there, where it differs.")
    redirect: Literal["never", "safe", "all"] = Field(
        "never", description="After the sunset, send safe methods, or all, on with 308 instead of 410."
    )
    brownouts: list[Brownouts] | None = None
    grace: list[GracePeriod] | None = None
    grace_warning: Span = Field(WEEK, description="How long before its end a grace counts as expiring.")
    freeze: Freeze | None = None
    accept: Accept | None = None
