"""What all sections share: the strict model, and kinds of values that several use."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from duskgate.config.scalars import Span, bad, hard_to_guess

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
Attribute = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[ -~]*$")]
Method = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z-]{0,31}$")]
Text = Annotated[str, StringConstraints(min_length=1)]
Secret = Annotated[str, AfterValidator(hard_to_guess)]


Positive = Annotated[Span, Field(ge=1)]


DAY = 86_400_000
WEEK = 7 * DAY
"""In ms."""


class Section(BaseModel):
    """A mapping of the YAML: unknown keys are errors, values are not changed after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, strict=True)


def exactly_one(section: Section, *names: str) -> None:
    """Raise unless just one of the keys is given."""
    given = [name for name in names if getattr(section, name) is not None]
    if len(given) != 1:
        have = " and ".join(given) or "none"
        raise bad(f"takes exactly one of {', '.join(names)}; it has {have}")
