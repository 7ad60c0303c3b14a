"""How instants are written, and read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duskgate.policy.instants import FIRST_MS, LAST_MS, instant_of_text, rfc3339

WRITTEN = {
    FIRST_MS: "0001-01-01T00:00:00Z",
    -1: "1969-12-31T23:59:59.999Z",
    0: "1970-01-01T00:00:00Z",
    1_772_323_200_050: "2026-03-01T00:00:00.050Z",
    LAST_MS: "9999-12-31T23:59:59.999Z",
}


@pytest.mark.parametrize(("instant", "text"), WRITTEN.items())
def test_four_digits_for_the_year_and_thousandths_where_there_are_any(instant: int, text: str) -> None:
    assert rfc3339(instant) == text


@given(st.integers(FIRST_MS, LAST_MS))
def test_what_is_written_can_be_read_back(instant: int) -> None:
    assert instant_of_text(rfc3339(instant)) == instant


@pytest.mark.parametrize(("instant", "nearest"), [(FIRST_MS - 1, FIRST_MS), (LAST_MS + 1, LAST_MS)])
def test_what_no_date_can_name_is_written_as_the_nearest_that_one_can(instant: int, nearest: int) -> None:
    assert rfc3339(instant) == rfc3339(nearest)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59.999-00:01", "2027-01-01T00:00:00", "soon"]
)
def test_what_is_no_instant_between_the_years_1_and_9999_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time zone|years 1 to 9999|isoformat"):
        instant_of_text(text)
