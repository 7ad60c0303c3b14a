"""How values may be written, and what they then are."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duskgate.policy import Lifecycle
from tests.config.world import errors, lifecycle_of, read, section


def dated(lifecycle: str) -> str:
    return f"""
backends: {{old: {{url: "http://127.0.0.1:9001"}}}}
apis: {{accounts: {{path: /api, default: v1,
  versions: {{v1: {{backend: old, lifecycle: {{{lifecycle}}}}}}}}}}}
"""


def lifecycle(text: str) -> Lifecycle:
    return lifecycle_of(read(dated(text)), "/api")


DAY = 86_400_000
SUNSET = 20_819 * DAY

DATES = [
    ("date", "2027-01-01", SUNSET),
    ("quoted", "'2027-01-01'", SUNSET),
    ("UTC", "2027-01-01T00:00:00Z", SUNSET),
    ("small letters", "2027-01-01t00:00:00z", SUNSET),
    ("space", "2027-01-01 00:00:00Z", SUNSET),
    ("without seconds", "2027-01-01T00:00Z", SUNSET),
    ("offset", "2027-01-01T02:00:00+02:00", SUNSET),
    ("milliseconds", "2027-01-01T00:00:00.250Z", SUNSET + 250),
    ("leap day", "2028-02-29", 21_243 * DAY),
    ("the first", "0001-01-01", -719_162 * DAY),
    ("the last", "9999-12-31T23:59:59.999Z", 253_402_300_799_999),
]


@pytest.mark.parametrize(("text", "instant"), [case[1:] for case in DATES], ids=[case[0] for case in DATES])
def test_dates(text: str, instant: int) -> None:
    assert lifecycle(f"sunset: {text}").sunset == instant


AFTER = [("+6w", 42 * DAY), ("+90d", 90 * DAY), ("+1d12h", 36 * 3_600_000), ("+0d", 0), ("'+1s500ms'", 1_500)]


@pytest.mark.parametrize(("text", "length"), AFTER, ids=[case[0] for case in AFTER])
def test_dates_that_count_from_the_announcement(text: str, length: int) -> None:
    dates = lifecycle(f"announced: 2027-01-01, sunset: {text}")
    assert dates.sunset == SUNSET + length


SIZES = [("100", 100), ("100B", 100), ("1 KiB", 1024), ("2MiB", 2**21), ("1GB", 10**9), ("unlimited", None)]


@pytest.mark.parametrize(("text", "size"), SIZES, ids=[case[0] for case in SIZES])
def test_sizes(text: str, size: int | None) -> None:
    assert section(f"server: {{max_request_body: {text}}}").document.server.max_request_body == size


LISTEN = [
    ("127.0.0.1:80", "127.0.0.1", 80),
    ("localhost:0", "localhost", 0),
    ("'[::1]:8080'", "::1", 8080),
    ("'::1:8080'", "::1", 8080),
    ("0.0.0.0:65535", "0.0.0.0", 65535),
]


@pytest.mark.parametrize(("text", "host", "port"), LISTEN, ids=[case[0] for case in LISTEN])
def test_addresses(text: str, host: str, port: int) -> None:
    listen = section(f"server: {{listen: {text}}}").document.server.listen
    assert (listen.host, listen.port) == (host, port)


@pytest.mark.parametrize("listen", ["127.0.0.1:9900", "localhost:9900", "'[::1]:9900'", "127.8.8.8:9900"])
def test_an_admin_port_of_this_machine_needs_no_token(listen: str) -> None:
    assert section(f"admin: {{listen: {listen}}}").document.admin.token is None


def test_an_open_admin_port_with_a_token() -> None:
    loaded = section("admin: {listen: 0.0.0.0:9900, token: '${TOKEN}'}", {"TOKEN": "hunter2"})
    assert loaded.document.admin.token == "hunter2"


def test_two_ports_that_the_system_chooses() -> None:
    section("server: {listen: 127.0.0.1:0}\nadmin: {listen: 127.0.0.1:0}")


@settings(max_examples=60, deadline=None)
@given(st.datetimes(), st.integers(min_value=-14 * 60, max_value=14 * 60))
def test_any_time_with_a_zone_loads_or_says_why(moment: object, offset: int) -> None:
    sign = "-" if offset < 0 else "+"
    hours, minutes = divmod(abs(offset), 60)
    text = f"{str(moment)[:19]}{sign}{hours:02d}:{minutes:02d}"
    assert all("outside the years" in error.reason for error in errors(dated(f"sunset: '{text}'")))
