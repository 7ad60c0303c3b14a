"""Getting a key set over the network, with bounds on its size and on the time it takes."""

from __future__ import annotations

import time

import httpx

from duskgate.tokens.keys import LARGEST

STEP_SECONDS = 5.0
"""For each step: until connected, and between two pieces."""

TOTAL_SECONDS = 15.0


class FetchFailed(Exception):
    """There was no answer, or not a good one; the message says why."""


def fetch(url: str) -> bytes:
    """What is at a URL. Raises FetchFailed.

    Redirects are not followed: keys come from where the YAML says.
    """
    ends = time.monotonic() + TOTAL_SECONDS
    content = bytearray()
    headers = {"accept": "application/jwk-set+json, application/json", "accept-encoding": "identity"}
    try:
        with (
            httpx.Client(timeout=STEP_SECONDS) as client,
            client.stream("GET", url, headers=headers) as answer,
        ):
            if answer.status_code != 200:
                raise FetchFailed(f"answered {answer.status_code}")
            for piece in answer.iter_bytes():
                content += piece
                if len(content) > LARGEST:
                    raise FetchFailed(f"is larger than {LARGEST // 2**10} KiB")
                if time.monotonic() > ends:
                    raise FetchFailed(f"took longer than {TOTAL_SECONDS:.0f} s")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise FetchFailed(f"{type(error).__name__}: {error}") from None
    return bytes(content)
