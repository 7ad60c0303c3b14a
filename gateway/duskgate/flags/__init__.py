"""Flags through OpenFeature: which callers get which version."""

from duskgate.flags.evaluate import Flags
from duskgate.flags.file import FlagsFile
from duskgate.flags.flagset import InvalidFlags, read_flags

__all__ = ["Flags", "FlagsFile", "InvalidFlags", "read_flags"]
