"""Fields of Envoy's header about client certificates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duskgate.policy.certificates import FIELDS, LONGEST, field_of
from tests.policy.world import rule

ONE = (
    b"By=spiffe://gw;Hash=468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688;"
    b'Subject="/C=US/O=Acme; Inc., \\"the\\" one/CN=api";URI=spiffe://acme/api;URI=spiffe://acme/other;DNS=a.example'
)
CASES = [
    ("a plain field", ONE, b"URI", b"spiffe://acme/api"),
    ("quotes", ONE, b"Subject", b'/C=US/O=Acme; Inc., "the" one/CN=api'),
    ("names have no case", ONE, b"subject", b'/C=US/O=Acme; Inc., "the" one/CN=api'),
    ("not there", b"Hash=ab;URI=", b"DNS", None),
    ("there, but empty", b"Hash=ab;URI=", b"URI", b""),
    ("the hop nearest to us", b"Hash=far;URI=far, " + ONE, b"URI", b"spiffe://acme/api"),
    ("of the far hop alone", ONE + b",Hash=near", b"URI", None),
    ("a quote left open", b'Subject="CN=a;URI=b', b"URI", None),
    ("no pairs", b"CN=a b c, nothing", b"URI", None),
    ("empty", b"", b"URI", None),
    ("too long", b"URI=" + b"a" * LONGEST, b"URI", None),
]


@pytest.mark.parametrize(
    ("value", "field", "found"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_fields(value: bytes, field: bytes, found: bytes | None) -> None:
    assert field_of(value, field) == found


@rule
@given(st.binary(max_size=60), st.sampled_from(FIELDS))
def test_a_subject_cannot_pass_for_another_field(subject: bytes, field: str) -> None:
    """Whoever gets a certificate chooses its subject; a proxy escapes quotes and backslashes in it."""
    escaped = subject.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    value = b'Hash=h;Subject="' + escaped + b'";URI=u;DNS=d'
    expected = {"Hash": b"h", "Subject": subject, "URI": b"u", "DNS": b"d"}[field]
    assert field_of(value, field.encode()) == expected
