"""The metrics of docs/metrics.md that the dashboards ask for, and the label values they look for."""

from __future__ import annotations

REQUESTS = "duskgate_requests_total"
DURATION = "duskgate_request_duration_seconds"
UPSTREAM = "duskgate_upstream_duration_seconds"
DEPRECATED = "duskgate_deprecated_requests_total"
REFUSED = "duskgate_refused_total"
SUNSET = "duskgate_sunset_timestamp_seconds"
DEPRECATION = "duskgate_deprecation_timestamp_seconds"
GRACE_END = "duskgate_grace_end_timestamp_seconds"
GATE = "duskgate_gate_verdict"
CONSUMERS = "duskgate_consumer_info"
VARIANTS = "duskgate_rollout_requests_total"
CHOICES = "duskgate_rollout_choices_total"
FLAG_ERRORS = "duskgate_flag_errors_total"
GUARD = "duskgate_rollout_guard_tripped"
SHADOWED = "duskgate_shadow_samples_total"
DIFFERENCES = "duskgate_shadow_differences_total"
SHADOW_DROPPED = "duskgate_shadow_dropped_total"
SHADOW_DURATION = "duskgate_shadow_duration_seconds"

ENDING = 'phase=~"deprecated|sunset|removed"'
"""Requests for what is deprecated or gone: answered and refused ones alike."""
CHOSE = 'version!="none"'
"""Requests that got a version."""
GRACE = 'outcome=~"grace|grace_expiring"'
BROWNOUT = 'reason="brownout"'
FAILED = 'code=~"5.."'
COMPARED = 'verdict=~"equal|different|failed"'
UNEQUAL = 'verdict=~"different|failed"'
