"""Flags through OpenFeature, and flipped for single callers: which callers get which version."""

from duskgate.flags.file import FlagsFile
from duskgate.flags.flagset import InvalidFlags, read_flags
from duskgate.flags.source import GatewayFlags

__all__ = ["FlagsFile", "GatewayFlags", "InvalidFlags", "read_flags"]
