"""``duskgate demo --once`` as the README has it, on ports of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import free_ports

SHIPPED = Path(__file__).resolve().parents[2] / "config"


def demo(folder: Path, edit: tuple[str, str] = ("", "")) -> subprocess.CompletedProcess[str]:
    ports = iter(free_ports(4))
    text = (SHIPPED / "gateway.yaml").read_text()
    text = re.sub(r"127\.0\.0\.1:\d+", lambda _: f"127.0.0.1:{next(ports)}", text).replace(*edit)
    (folder / "gateway.yaml").write_text(text)
    (folder / "flags.json").write_text((SHIPPED / "flags.json").read_text())
    command = [sys.executable, "-m", "duskgate.cli", "demo", "--once", str(folder / "gateway.yaml")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def rows(output: str) -> dict[str, tuple[str, str]]:
    """What the table says: what is shown, with status and version reached."""
    found = {}
    for line in output.splitlines():
        cells = [cell.strip() for cell in line.split("│")[1:-1]]
        if len(cells) == 4 and cells[1]:
            found[cells[0]] = (cells[1], cells[2])
    return found


def test_the_demo_shows_what_the_gateway_does(tmp_path: Path) -> None:
    done = demo(tmp_path)
    assert done.returncode == 0, done.stderr
    assert rows(done.stdout) == {
        "v1 by URL": ("200", "v1"),
        "v2 by URL": ("200", "v2"),
        "v2 by header": ("200", "v2"),
        "v2 by flag, for alice": ("200", "v2"),
        "v1 for bob": ("200", "v1"),
        "a sunset endpoint": ("410", "-"),
        "an unknown version": ("404", "-"),
    }
    assert 'Link: </api/v2/users/42>; rel="successor-version"' in done.stdout
    assert '"type": "urn:duskgate:problem:sunset"' in done.stdout
    assert 'duskgate_refused_total{api="accounts"' in done.stdout


def test_a_sunset_in_the_past_turns_200_into_410(tmp_path: Path) -> None:
    done = demo(tmp_path, ("sunset: 2036-01-01", "sunset: 2026-04-01"))
    assert done.returncode == 0, done.stderr
    assert rows(done.stdout)["v1 by URL"] == ("410", "-")
    assert rows(done.stdout)["v2 by URL"] == ("200", "v2")


@pytest.mark.parametrize("backend", ["https://127.0.0.1:9001", "http://10.0.0.1:9001"])
def test_only_backends_that_it_can_serve_are_demonstrated(tmp_path: Path, backend: str) -> None:
    text = f"""
server: {{listen: "127.0.0.1:{free_ports(1)[0]}"}}
backends: {{b: {{url: "{backend}"}}}}
apis: {{a: {{path: /a, default: v1, versions: {{v1: {{backend: b}}}}}}}}
"""
    (tmp_path / "gateway.yaml").write_text(text)
    command = [sys.executable, "-m", "duskgate.cli", "demo", "--once", str(tmp_path / "gateway.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert backend in done.stderr
