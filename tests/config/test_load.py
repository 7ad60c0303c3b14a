"""Loading as a whole: files that cannot be read, texts that are anything at all."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from duskgate.config import InvalidConfig, load, loads
from tests.config.world import SMALLEST, errors, read


def refusal(file: Path) -> str:
    with pytest.raises(InvalidConfig) as refused:
        load(file, {})
    return str(refused.value).removeprefix(str(file))


def test_missing(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere.yaml") == ":1:1: cannot be read: No such file or directory"


def test_a_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path) == ":1:1: is not a regular file"


def test_not_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_bytes(SMALLEST.encode() + b"# caf\xe9\n")
    assert refusal(file) == ":4:1: is not UTF-8 text"


def test_the_digest_is_the_texts() -> None:
    digests = [read(text).plan.digest for text in (SMALLEST, SMALLEST, SMALLEST + "# new\n")]
    assert digests[0] == digests[1] != digests[2]


def test_errors_are_values() -> None:
    with pytest.raises(InvalidConfig) as refused:
        read("apis: {a: {path: /a, defualt: v1, versions: {v1: {}}}}")
    first = refused.value.errors[0]
    assert (first.file, first.line, first.column, first.key) == ("gateway.yaml", 1, 22, "apis.a.defualt")
    assert first.hint == "did you mean 'default'?"


def test_a_document_for_an_application_needs_no_backends() -> None:
    text = "apis: {accounts: {path: /api, default: v1, versions: {v1: {}}}}"
    assert loads(text, Path("gateway.yaml"), {}, standalone=True).plan.backends == {}
    with pytest.raises(InvalidConfig, match="has no backend"):
        read(text)


def test_the_shipped_configuration_is_fit_to_serve() -> None:
    shipped = Path(__file__).resolve().parents[2] / "config" / "gateway.yaml"
    assert load(shipped, {}).plan.apis


def test_what_came_before_does_not_change(tmp_path: Path) -> None:
    """Nothing of a plan may be written to: it is shared by every request."""
    plan = read(SMALLEST).plan
    for mapping in (plan.apis, plan.backends):
        with pytest.raises(TypeError, match="does not support item"):
            mapping["x"] = None  # type: ignore[index]


SECTIONS = ["server", "admin", "flags", "identity", "consumers", "backends", "apis", "<<"]
INNER = ["path", "resolve", "versions", "v1", "endpoints", "header", "url", "default", "rollout", "lifecycle"]
KEYS = st.sampled_from([*SECTIONS, *INNER, "sunset", "announced", "grace", "brownouts", "from", "timeouts"])
SCALARS = st.sampled_from(
    [
        "",
        "~",
        "v1",
        "/a",
        "/{version}",
        "2027-01-01",
        "+6w",
        "1h",
        "${X}",
        "${X:-y}",
        "*a",
        "http://h",
        "!!int 3",
    ]
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(st.tuples(KEYS, inner), max_size=4).map(
            lambda pairs: "&a {" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
        )
    ),
    max_leaves=12,
)
DOCUMENTS = st.lists(st.tuples(KEYS, TREES), max_size=5).map(
    lambda pairs: "\n".join(f"{key}: {value}" for key, value in pairs)
)


@settings(max_examples=300, deadline=None)
@given(
    st.text()
    | DOCUMENTS
    | DOCUMENTS.map(lambda text: SMALLEST + text)
    | st.text("[]{}:,&*!|>'\"%@`#-? \n\ta")
)
@example("[" * 100_000)
@example("- " * 100_000)
@example("apis: \ud800")
@example('server: {max_request_body: "' + "9" * 5_000 + 'MiB"}')
@example('backends: {a: {timeouts: {connect: "' + "9" * 5_000 + 's"}}}')
@example("backends: {a: {url: 'http://[v1]'}}")
@example("apis: {a: {path: /a, resolve: [{media_type: 'a/{version}.{VERSION}'}], versions: {v1: {}}}}")
@example('flags: {path: "a\\0b"}\napis: {a: {path: /a, default: v1, versions: {v1: {}}}}')
def test_nothing_else_is_raised(text: str) -> None:
    for error in errors(text):
        assert error.line > 0
        assert error.column > 0
        assert error.reason
