"""What all proxies under test have in common."""

from __future__ import annotations

import re
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping

from tests.bench.place import Place


class Peer(ABC):
    """One row of the tables: how it is installed, configured and started."""

    name: str
    title: str
    notices: bool = True
    """Whether its answers carry the six headers."""

    @abstractmethod
    def program(self) -> str | None:
        """The program's path, if it is installed."""

    def install(self) -> str:
        """What to type if it is missing."""
        return "make bench installs it"

    @abstractmethod
    def files(self, place: Place) -> Mapping[str, str]:
        """The configuration: names in the place's folder and their text."""

    @abstractmethod
    def command(self, place: Place) -> list[str]:
        """What starts it, in the foreground."""

    @abstractmethod
    def version(self) -> str:
        """The version of what would be started."""

    def env(self, place: Place) -> Mapping[str, str]:
        """Environment variables besides those of this process."""
        return {}


class Packaged(Peer):
    """A proxy from a package of Debian's, with the package's name."""

    version_option = "-v"

    def install(self) -> str:
        return f"apt-get install {self.name}"

    def program(self) -> str | None:
        return shutil.which(self.name)

    def version(self) -> str:
        return version_of(self.program() or self.name, self.version_option)


def version_of(*command: str) -> str:
    """The first version number that a program prints about itself."""
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+[\w.+-]*", said.stdout + said.stderr)
    return found[0] if found else "unknown"
