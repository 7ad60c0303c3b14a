"""The metrics a worker keeps: names, labels and buckets. docs/metrics.md explains each to operators."""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from duskgate.usage.guarded import GUARDED

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds in seconds."""

FINE_BUCKETS = tuple(float(f"{0.005 * 1.1**step:.3g}") for step in range(100))
"""The same where times are compared: a tenth apart, from 5 ms, below which all are alike, to a minute."""


class FoldedHistogram(Histogram):
    """A histogram that takes many observations at once, already sorted into buckets."""

    def fold(self, counts: Sequence[int], total: float) -> None:
        """Add ``counts``, one for each bucket and one for the rest, that sum to ``total`` seconds."""
        for bucket, number in zip(self._buckets, counts, strict=True):
            if number:
                bucket.inc(number)
        self._sum.inc(total)


class Instruments:
    """Every metric of a worker, in a registry of its own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.requests = Counter(
            "duskgate_requests_total",
            "Requests by what became of them.",
            ("api", "endpoint", "version", "phase", "outcome", "code"),
            registry=registry,
        )
        self.duration = FoldedHistogram(
            "duskgate_request_duration_seconds",
            "Time from a request's head to its answer's end.",
            ("api", "version"),
            buckets=BUCKETS,
            registry=registry,
        )
        self.upstream = FoldedHistogram(
            "duskgate_upstream_duration_seconds",
            "Time from asking the backend to its answer's head.",
            ("api", "version"),
            buckets=BUCKETS,
            registry=registry,
        )
        self.deprecated = Counter(
            "duskgate_deprecated_requests_total",
            "Requests forwarded to what ends, by consumer: those whose callers are told.",
            ("api", "endpoint", "version", "consumer"),
            registry=registry,
        )
        self.refused = Counter(
            "duskgate_refused_total",
            "Requests refused because of a lifecycle, by consumer and reason.",
            ("api", "endpoint", "version", "consumer", "reason"),
            registry=registry,
        )
        self.spared = Counter(
            "duskgate_spared_total",
            "Requests that a rule which only observes would have refused, by consumer and reason.",
            ("api", "endpoint", "version", "consumer", "reason"),
            registry=registry,
        )
        self.rollout = Counter(
            "duskgate_rollout_requests_total",
            "Requests for which a flag was evaluated, by the variant it gave.",
            ("api", "flag", "variant"),
            registry=registry,
        )
        self.choices = Counter(
            "duskgate_rollout_choices_total",
            "Requests that a rollout looked at, by whether they were moved, and what decided.",
            ("api", "version", "to", "moved", "by"),
            registry=registry,
        )
        self.guarded = FoldedHistogram(
            GUARDED,
            "Time from asking the backend to its answer's head, for the versions of guarded rollouts.",
            ("api", "version", "result"),
            buckets=FINE_BUCKETS,
            registry=registry,
        )
        self.flag_errors = Counter(
            "duskgate_flag_errors_total",
            "Flag evaluations that failed and counted as off.",
            ("flag", "error"),
            registry=registry,
        )
        self.tokens_refused = Counter(
            "duskgate_tokens_refused_total",
            "Tokens that could not name a caller, by reason.",
            ("way", "reason"),
            registry=registry,
        )
        self.token_key_loads = Counter(
            "duskgate_token_key_loads_total",
            "Times a worker read the keys that verify tokens, or could not.",
            ("way", "result"),
            registry=registry,
        )
        self.token_keys = Gauge(
            "duskgate_token_keys",
            "Keys that a worker can verify tokens with.",
            ("way",),
            multiprocess_mode="livemin",
            registry=registry,
        )
        self.flag_provider_up = Gauge(
            "duskgate_flag_provider_up",
            "0 while a worker gets no answers from the provider of flags, else 1; only if it is elsewhere.",
            ("provider",),
            multiprocess_mode="livemin",
            registry=registry,
        )
        self.reloads = Counter(
            "duskgate_config_reloads_total",
            "Changed files that a worker took over or rejected.",
            ("file", "result"),
            registry=registry,
        )
        self.backend_failures = Counter(
            "duskgate_backend_failures_total",
            "Attempts to ask a backend that failed, by kind.",
            ("backend", "kind"),
            registry=registry,
        )
        self.backend_retries = Counter(
            "duskgate_backend_retries_total",
            "Requests that were sent to a backend again.",
            ("backend",),
            registry=registry,
        )
        self.ejections = Counter(
            "duskgate_backend_ejections_total",
            "Times a target was left out because it failed repeatedly.",
            ("backend", "target"),
            registry=registry,
        )
        self.target_up = Gauge(
            "duskgate_backend_target_up",
            "0 while a worker's health checks of the target fail, else 1; only with health checks.",
            ("backend", "target"),
            multiprocess_mode="livemin",
            registry=registry,
        )
        self.ledger_rows = Counter(
            "duskgate_ledger_rows_written_total",
            "Rows of the ledger written or added to.",
            registry=registry,
        )
        self.ledger_requests = Counter(
            "duskgate_ledger_requests_written_total",
            "Requests that the ledger has.",
            registry=registry,
        )
        self.ledger_dropped = Counter(
            "duskgate_ledger_requests_dropped_total",
            "Requests that the ledger will never have.",
            registry=registry,
        )
        self.ledger_failures = Counter(
            "duskgate_ledger_flush_failures_total",
            "Times the ledger's database could not be written.",
            registry=registry,
        )
        self.ledger_waiting = Gauge(
            "duskgate_ledger_requests_waiting",
            "Requests that wait to be written to the ledger.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.ledger_flushed = Gauge(
            "duskgate_ledger_last_flush_timestamp_seconds",
            "When the slowest worker last had written all that there was.",
            multiprocess_mode="livemin",
            registry=registry,
        )
        self.shadow_samples = Counter(
            "duskgate_shadow_samples_total",
            "Requests whose copies were sent to a shadow version, by what came of it.",
            ("api", "endpoint", "version", "verdict"),
            registry=registry,
        )
        self.shadow_differences = Counter(
            "duskgate_shadow_differences_total",
            "Fields that differed in a shadow version's answers, by kind.",
            ("api", "endpoint", "version", "kind"),
            registry=registry,
        )
        self.shadow_dropped = Counter(
            "duskgate_shadow_dropped_total",
            "Sampled requests that were not copied, or not compared.",
            ("api", "version", "reason"),
            registry=registry,
        )
        self.shadow_duration = Histogram(
            "duskgate_shadow_duration_seconds",
            "Time from sending a copy to its answer's end.",
            ("api", "version"),
            buckets=BUCKETS,
            registry=registry,
        )
        self.config_ok = Gauge(
            "duskgate_config_last_reload_successful",
            "1 while every worker runs what the files say; 0 after a change was rejected.",
            ("file",),
            multiprocess_mode="livemin",
            registry=registry,
        )
        self.config_time = Gauge(
            "duskgate_config_last_reload_success_timestamp_seconds",
            "When the slowest worker last took over the file.",
            ("file",),
            multiprocess_mode="livemin",
            registry=registry,
        )
