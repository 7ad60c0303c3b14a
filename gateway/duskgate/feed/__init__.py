"""The notice feed: what ends, and when, for callers to subscribe to and to read."""

from duskgate.feed.feed import Feed
from duskgate.feed.room import FeedMiddleware

__all__ = ["Feed", "FeedMiddleware"]
