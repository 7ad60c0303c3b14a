"""The YAML: read, checked, compiled to a Plan."""

from duskgate.config.errors import ConfigError, InvalidConfig
from duskgate.config.load import Loaded, load, loads
from duskgate.config.models import Document

__all__ = ["ConfigError", "Document", "InvalidConfig", "Loaded", "load", "loads"]
