"""The house stays in order: imports point one way, and nothing generic is installed at top level."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[1]


def test_imports_point_one_way() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_the_namespace_has_no_module_of_its_own() -> None:
    for root in ("gateway", "middleware", "config"):
        assert not (ROOT / root / "__init__.py").exists()
        assert not (ROOT / root / "duskgate" / "__init__.py").exists()
        for package in (ROOT / root / "duskgate").iterdir():
            if (package / "__init__.py").exists():
                assert (package / "py.typed").exists(), package


def test_the_supervisor_does_not_import_prometheus_client() -> None:
    """It would decide, before the workers' directory exists, that values are not shared."""
    program = "import sys, duskgate.cli.main; print('prometheus_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
