"""What workers that are gone have counted, kept in one file for each kind of metric.

prometheus-client leaves a file of counts behind for every worker that ever lived, and reads them all for
each page. Where workers are replaced every hour, pages would grow slower for as long as the gateway runs.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

from duskgate.admin.health import runs

KINDS = ("counter", "histogram")
"""What is summed. Gauges are of workers that live."""

INTENT = "remains.json"
"""What is about to be done: from when it is there, all of it is done, whoever dies in between."""


class Remains:
    """Looks after the files in ``run_dir``. For one caller at a time."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._intent = run_dir / INTENT

    def gather(self) -> None:
        """Put the counts of workers that are gone together. The page's sums stay what they are.

        Raises OSError where the folder cannot be written; nothing is lost then.
        """
        self._carry_out()
        for file in self._gone("gauge_live*"):
            file.unlink()
        gone = {kind: files for kind in KINDS if (files := list(self._gone(kind)))}
        if not gone:
            return
        for kind, files in gone.items():
            _write(self._draft(kind), _sums([*files, self._kept(kind)]))
        drafted = self._intent.with_suffix(".draft")
        names = {kind: [file.name for file in files] for kind, files in gone.items()}
        drafted.write_text(json.dumps(names), encoding="utf-8")
        drafted.replace(self._intent)
        self._carry_out()

    def _carry_out(self) -> None:
        """Put drafts in the place of what they sum up: what is decided, once or again after a crash."""
        if not self._intent.exists():
            return
        for kind, names in json.loads(self._intent.read_text(encoding="utf-8")).items():
            for name in names:
                (self._run_dir / name).unlink(missing_ok=True)
            if self._draft(kind).exists():
                self._draft(kind).replace(self._kept(kind))
        self._intent.unlink()

    def _gone(self, kind: str) -> Iterator[Path]:
        for file in self._run_dir.glob(f"{kind}_*.db"):
            pid = file.stem.rpartition("_")[2]
            if pid.isdigit() and not runs(int(pid)):
                yield file

    def _kept(self, kind: str) -> Path:
        return self._run_dir / f"{kind}_gone.db"

    def _draft(self, kind: str) -> Path:
        return self._run_dir / f"{kind}_gone.draft"


def _sums(files: Iterable[Path]) -> dict[str, float]:
    sums: dict[str, float] = defaultdict(float)
    for file in files:
        if file.exists():
            values = MmapedDict.read_all_values_from_file(str(file))  # type: ignore[no-untyped-call]
            for key, value, _, _ in values:
                sums[key] += value
    return sums


def _write(path: Path, sums: dict[str, float]) -> None:
    path.unlink(missing_ok=True)  # of one that was not finished
    file = MmapedDict(str(path))  # type: ignore[no-untyped-call]
    for key, value in sums.items():
        file.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    file.close()  # type: ignore[no-untyped-call]
