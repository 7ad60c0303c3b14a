"""YAML's traps are closed: what was written is what is meant."""

import pytest

from duskgate.config import InvalidConfig
from tests.config.world import SMALLEST, read, section


def versions(text: str) -> tuple[str, ...]:
    backends = 'backends: {old: {url: "http://127.0.0.1:9001"}}'
    loaded = read(f"{backends}\napis: {{a: {{path: '/{{version}}', versions: {{{text}}}}}}}")
    return loaded.plan.apis["a"].versions


NAMES = ["1.10", "1.0", "2026-03-01", "010", "0x10", "1e3", "no", "on", "null", "1_000", "12:30"[:2]]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_the_text_that_was_written(name: str) -> None:
    assert versions(f"{name}: {{backend: old}}") == (name,)


def test_names_that_are_one_number_are_two_versions() -> None:
    assert versions("1.1: {backend: old}, 1.10: {backend: old}") == ("1.1", "1.10")


@pytest.mark.parametrize("null", ["", "~", "null", "Null", "NULL"])
def test_nothing_is_written_in_five_ways(null: str) -> None:
    assert section(f"admin:\n  token: {null}\n").document.admin.token is None


def test_a_quoted_null_is_a_text() -> None:
    assert section("admin: {token: 'null'}").document.admin.token == "null"


def test_an_anchor_is_one_mapping_in_two_places() -> None:
    assert versions("v1: &one {backend: old}, v2: *one") == ("v1", "v2")


def test_a_merge_gives_what_a_mapping_lacks() -> None:
    loaded = read("""
backends:
  old: &base {url: "http://127.0.0.1:9001", timeouts: {connect: 1s}, host_header: target}
  new: {<<: *base, host_header: preserve}
apis: {accounts: {path: /api, default: v1, versions: {v1: {backend: old}}}}
""")
    new = loaded.document.backends["new"]
    assert (new.url, new.timeouts.connect, new.host_header) == ("http://127.0.0.1:9001", 1_000, "preserve")


def test_the_earlier_of_two_merged_mappings_wins() -> None:
    loaded = read("""
backends:
  a: &a {url: "http://a.example", retries: 1}
  b: &b {url: "http://b.example", host_header: target}
  c: {<<: [*a, *b]}
apis: {accounts: {path: /api, default: v1, versions: {v1: {backend: a}}}}
""")
    merged = loaded.document.backends["c"]
    assert (merged.url, merged.retries, merged.host_header) == ("http://a.example", 1, "target")


def test_an_error_in_a_mapping_with_a_merge_names_its_own_line() -> None:
    text = """
backends:
  a: &a {url: "http://a.example", retries: 1}
  b:
    retries: many
    <<: *a
apis: {accounts: {path: /api, default: v1, versions: {v1: {backend: a}}}}
"""
    with pytest.raises(InvalidConfig) as refused:
        read(text)
    assert str(refused.value) == "gateway.yaml:5:14: backends.b.retries: 'many' is not a whole number"


def test_a_byte_order_mark_and_windows_line_ends() -> None:
    assert read("\ufeff" + SMALLEST.replace("\n", "\r\n")).plan.apis.keys() == {"accounts"}


VARIABLES = [
    ("set", "${NAME}", {"NAME": "x"}, "x"),
    ("set and empty", "${NAME}", {"NAME": ""}, ""),
    ("in a text", "a-${NAME}-b-${NAME}", {"NAME": "x"}, "a-x-b-x"),
    ("default", "${NAME:-y}", {}, "y"),
    ("default for empty", "${NAME:-y}", {"NAME": ""}, "y"),
    ("default not needed", "${NAME:-y}", {"NAME": "x"}, "x"),
    ("empty default", "${NAME:-}", {}, ""),
    ("escaped", "$${NAME}", {}, "${NAME}"),
    ("dollar alone", "$NAME", {"NAME": "x"}, "$NAME"),
    ("filled once", "${NAME}", {"NAME": "${NAME}"}, "${NAME}"),
    ("YAML in a value is text", "${NAME}", {"NAME": "{a: b}\nc: 'd"}, "{a: b}\nc: 'd"),
]


@pytest.mark.parametrize(
    ("text", "env", "value"), [case[1:] for case in VARIABLES], ids=[case[0] for case in VARIABLES]
)
def test_variables(text: str, env: dict[str, str], value: str) -> None:
    assert section(f"admin: {{token: '{text}'}}", env).document.admin.token == value
