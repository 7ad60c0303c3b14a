"""PromQL as the panels need it. Grafana fills in ``$__rate_interval``, ``$__range`` and the variables."""

from __future__ import annotations

from dataclasses import dataclass

SECONDS_A_DAY = 86400


@dataclass(frozen=True)
class Chosen:
    """The series that a dashboard's variables choose: label matchers that its every query has."""

    matchers: tuple[str, ...]

    def series(self, metric: str, where: str = "") -> str:
        """A metric's series that are chosen, and of them those ``where`` says."""
        return f"{metric}{{{', '.join(part for part in (*self.matchers, where) if part)}}}"

    def rate(self, metric: str, *by: str, where: str = "") -> str:
        """Per second, summed by labels."""
        return f"sum by ({', '.join(by)}) (rate({self.series(metric, where)}[$__rate_interval]))"

    def total(self, metric: str, *by: str, where: str = "", over: str = "$__range") -> str:
        """How often within a time, summed by labels.

        ``increase`` alone starts from a series' first sample and so misses the calls that created it: the
        one call a month of a forgotten consumer would never show. What was not there when the time began
        is therefore taken whole.
        """
        series = self.series(metric, where)
        new = f"(last_over_time({series}[{over}]) unless {series} offset {over})"
        return f"sum by ({', '.join(by)}) ({new} or increase({series}[{over}]))"

    def quantile(self, share: float, metric: str, *by: str) -> str:
        """The time that this share of the requests stayed below."""
        return f"histogram_quantile({share}, {self.rate(f'{metric}_bucket', 'le', *by)})"

    def days_left(self, metric: str, *by: str) -> str:
        """Days until an instant that every gateway tells alike; negative once it is past."""
        return f"(min by ({', '.join(by)}) ({self.series(metric)}) - time()) / {SECONDS_A_DAY}"


def ratio(part: str, whole: str) -> str:
    """A part of a whole with the same labels: 0 where there is no part, nothing where there is no whole."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"


def shares(parts: str, whole: str, *on: str) -> str:
    """Parts as shares of the whole that has the labels ``on``; nothing where there is no whole."""
    return f"{parts} / on ({', '.join(on)}) group_left () ({whole} > 0)"
