"""What lies in the run directory, by which the processes of one gateway know of each other.

This module imports nothing: the supervisor must not import prometheus-client, which looks once, at import,
whether it is to share its values between processes.
"""

WORKERS = "workers"
"""A folder with a file for each worker that is ready, named by its pid."""

DRAINING = "draining"
"""A file that says that the gateway is about to stop."""

LAST_GOOD_CONFIG = "last-good.yaml"
LAST_GOOD_FLAGS = "last-good-flags.json"
LAST_GOOD_OVERRIDES = "last-good-overrides.json"
"""Copies of the files in force, for workers that are started while the files are broken."""

SEEN = "seen.json"
"""A file with the callers seen before each freeze."""

LABELS = "labels"
"""A file with the labels that workers have given to callers and variants that the YAML does not name."""
