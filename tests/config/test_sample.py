"""The complete sample of the design loads, and nothing in it is worth a warning."""

from pathlib import Path

from duskgate.config import Loaded, load
from tests.config.world import lifecycle_of
from tests.policy.world import ms

HERE = Path(__file__).parent


def sample() -> Loaded:
    return load(HERE / "sample.yaml", {})


def test_nothing_in_it_deserves_a_warning() -> None:
    assert sample().warnings == ()


def test_its_lifecycle_is_compiled() -> None:
    lifecycle = lifecycle_of(sample(), "/api/v1")
    assert lifecycle.announced == ms("2026-09-01")
    assert lifecycle.deprecated == ms("2026-10-01")
    assert lifecycle.sunset == ms("2027-01-01")
    assert lifecycle.removed == ms("2027-04-01")
    assert [(one.start, one.end) for one in lifecycle.brownouts] == [
        (ms("2026-12-01T14:00:00"), ms("2026-12-01T15:00:00"))
    ]
    assert [(one.consumer, one.until, one.owner) for one in lifecycle.grace.values()] == [
        ("acme", ms("2027-02-01"), "jane")
    ]


def test_its_backends_are_compiled() -> None:
    backend = sample().plan.backends["v2"]
    assert backend.targets == ("http://127.0.0.1:9002",)
    assert (backend.timeouts.connect, backend.timeouts.response, backend.timeouts.idle) == (1, 10, 60)


def test_its_flags_and_file_are_known() -> None:
    loaded = sample()
    assert loaded.plan.apis["accounts"].flags == ("use-v2-api", "move-to-v2")
    assert loaded.flags_path == HERE / "flags.json"


def test_its_defaults_come_from_the_environment() -> None:
    keyed = load(
        HERE / "sample.yaml", {"ACME_KEY": "other", "DUSKGATE_IDENTITY_KEY": "k"}
    ).plan.identity.known
    default = load(HERE / "sample.yaml", {"DUSKGATE_IDENTITY_KEY": "k"}).plan.identity.known
    again = load(HERE / "sample.yaml", {"DUSKGATE_IDENTITY_KEY": "k", "ACME_KEY": ""}).plan.identity.known
    assert keyed != default == again


def test_no_secret_is_kept_in_the_plan() -> None:
    assert "demo-acme" not in repr(sample().plan)
