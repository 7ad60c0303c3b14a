"""Labels for what the YAML does not name: bounded over all workers, and the same in each of them."""

from __future__ import annotations

from multiprocessing import get_context
from pathlib import Path

import pytest

from duskgate.usage.consumers import BUSY, MOST_LABELS, MOST_WATCHED, OTHER, ConsumerLabels
from duskgate.usage.shared_names import LONGEST, SharedNames
from duskgate.usage.variants import MOST_VARIANTS, VariantLabels


def busy(labels: ConsumerLabels, caller: str) -> str:
    """The label of a caller's last request, after enough of them."""
    return [labels.label(caller) for _ in range(BUSY)][-1]


def test_a_caller_gets_its_label_once_it_is_busy() -> None:
    labels = ConsumerLabels(SharedNames())
    assert [labels.label("~a") for _ in range(BUSY + 1)] == [OTHER] * (BUSY - 1) + ["~a"] * 2


def test_all_workers_together_give_so_many_labels_and_those_after_them_too(tmp_path: Path) -> None:
    given: set[str] = set()
    for worker in range(4):  # the third and fourth come after the first two are gone
        labels = ConsumerLabels(SharedNames(tmp_path / "labels"))
        given |= {busy(labels, f"~{worker}-{number}") for number in range(MOST_LABELS // 2 + 10)}
    assert OTHER in given
    assert len(given - {OTHER}) == MOST_LABELS


def test_a_label_that_one_worker_gave_another_one_gives_too_when_there_is_no_room_left(
    tmp_path: Path,
) -> None:
    first, second = (ConsumerLabels(SharedNames(tmp_path / "labels")) for _ in range(2))
    for number in range(MOST_LABELS):
        busy(first, f"~{number}")
    assert busy(second, "~5") == "~5"
    assert busy(second, "~new") == OTHER


def test_callers_who_never_come_back_do_not_fill_the_memory() -> None:
    labels = ConsumerLabels(SharedNames())
    for number in range(3 * MOST_WATCHED):
        labels.label(f"~{number}")
        assert len(labels._seen) <= MOST_WATCHED


def test_variants_are_bounded_for_each_flag(tmp_path: Path) -> None:
    labels = [VariantLabels(SharedNames(tmp_path / "labels")) for _ in range(2)]
    for flag in ("one", "two"):
        given = {labels[n % 2].label(flag, f"v{n}") for n in range(MOST_VARIANTS * 3)}
        assert len(given - {OTHER}) == MOST_VARIANTS
        assert labels[0].label(flag, "v0") == labels[1].label(flag, "v0") == "v0"


@pytest.mark.parametrize("name", ["v" * (LONGEST + 1), "a\tb", "a\nvariant one\tb", "\x00"])
def test_a_variant_that_is_no_name_gets_no_label(tmp_path: Path, name: str) -> None:
    path = tmp_path / "labels"
    assert VariantLabels(SharedNames(path)).label("one", name) == OTHER
    assert not path.exists()


def test_without_room_on_disk_there_are_no_labels_and_no_error(tmp_path: Path) -> None:
    labels = ConsumerLabels(SharedNames(tmp_path / "no-such-folder" / "labels"))
    assert busy(labels, "~a") == OTHER


def _take_all(path: Path, worker: int) -> int:
    names = SharedNames(path)
    return sum(names.take("g", f"{worker}-{number}", 50) for number in range(40))


def test_workers_that_ask_at_once_do_not_get_more_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "labels"
    with get_context("spawn").Pool(3) as pool:
        taken = pool.starmap(_take_all, [(path, worker) for worker in range(3)])
    assert sum(taken) == 50
    assert len(path.read_text().splitlines()) == 50
