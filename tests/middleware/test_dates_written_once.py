"""No date is formatted for a request: what notices and problems say of a plan's dates is written once."""

import sys
from types import FrameType
from typing import Any

import pytest

from duskgate.policy import instants
from tests.policy.test_whole_lifecycle import HERE, plan_in_force
from tests.policy.world import ms
from tests.stack import Asked, answers

PLAN = plan_in_force(HERE / "whole.yaml")
WRITERS = {one.__code__ for one in (instants.rfc3339, instants.imf_fixdate, instants.structured_date)}

ASKED = {
    "forwarded": ("2026-10-05", "some-key", 200),
    "frozen": ("2026-10-20", "new-key", 403),
    "brownout": ("2026-12-01T00:10:00", "some-key", 503),
    "redirected": ("2027-01-01", "some-key", 308),
    "in grace": ("2027-01-02", "acme-key", 200),
    "removed": ("2027-04-01", "some-key", 404),
}


@pytest.mark.parametrize(("at", "key", "status"), ASKED.values(), ids=ASKED.keys())
def test_the_second_of_two_requests_writes_no_date(at: str, key: str, status: int) -> None:
    written: list[str] = []
    found: list[int] = []

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code in WRITERS:
            written.append(frame.f_code.co_name)

    for second in range(2):
        asked = Asked(ms(at) + second * 1000, "GET", "/api/v1/users/7", ((b"x-api-key", key.encode()),))
        before = sys.getprofile()
        sys.setprofile(watch if second else None)
        try:
            found += [one.status for one in answers(PLAN, [asked])]
        finally:
            sys.setprofile(before)
    assert found == [status, status]
    assert written == []
