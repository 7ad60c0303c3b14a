"""JSON Web Tokens that name callers: verified against key sets that are kept up to date in a thread."""

from duskgate.tokens.keys import BadKeys
from duskgate.tokens.tokens import Observer, Tokens

__all__ = ["BadKeys", "Observer", "Tokens"]
