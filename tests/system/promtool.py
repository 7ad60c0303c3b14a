"""Debian's promtool."""

from __future__ import annotations

import subprocess

from tests.running import installed


def promtool(*arguments: str, text: str = "") -> str:
    """What promtool objects to; nothing if all is well."""
    command = [installed("promtool"), *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""
