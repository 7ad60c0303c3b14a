"""How a worker and its comparer speak: a length, a head in JSON, and the bodies behind it.

Both are the same program, and nobody else is on the line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from duskgate.policy.shadow import Comparison
from duskgate.proxy.shadow.compare import Kind
from duskgate.proxy.shadow.content import Answer
from duskgate.proxy.shadow.noise import Place, Verdict

_LENGTH = Struct(">I")
_json = json.JSONEncoder(separators=(",", ":")).encode


@lru_cache(maxsize=64)
def _written(comparison: Comparison) -> str:
    return _json(asdict(comparison))


NOTE = 0
"""The number of questions that want no reply."""


class Question(NamedTuple):
    """What to judge: two answers, or three with the old version's second one.

    A note has none, only an ``outcome``. ``limit`` is that of ``compare``.
    """

    number: int
    place: Place
    comparison: Comparison
    limit: int = 0
    answers: Sequence[Answer] = ()
    outcome: Verdict = Verdict.FAILED


def packed(one: Question) -> list[bytes]:
    """A question for the line."""
    head = _json(
        {
            "number": one.number,
            "place": one.place,
            "comparison": _written(one.comparison),
            "limit": one.limit,
            "answers": [(answer.status, answer.headers, len(answer.body)) for answer in one.answers],
            "outcome": one.outcome.value,
        }
    ).encode()
    return [_LENGTH.pack(len(head)), head, *(answer.body for answer in one.answers)]


def unpacked(read: Callable[[int], bytes]) -> Question:
    """A question from the line. ``read`` gives exactly so many bytes, or raises EOFError."""
    (length,) = _LENGTH.unpack(read(_LENGTH.size))
    head = json.loads(read(length))
    api, version, shadow, endpoint = head["place"]
    return Question(
        head["number"],
        (api, version, shadow, endpoint),
        _comparison(head["comparison"]),
        head["limit"],
        [Answer(status, headers, read(size)) for status, headers, size in head["answers"]],
        Verdict(head["outcome"]),
    )


@lru_cache(maxsize=64)
def _comparison(text: str) -> Comparison:
    read = json.loads(text)
    return Comparison(
        tuple(read["headers"]),
        tuple(read["ignore"]),
        tuple(read["unordered"]),
        tuple((path, bound) for path, bound in read["tolerance"]),
        read["values"],
    )


class Reply(NamedTuple):
    """What came of a question: a verdict with the kinds of what differs, or the reason why there is none.

    A reply without a number is for the log.
    """

    number: int | None
    verdict: Verdict | None = None
    kinds: Sequence[Kind] = ()
    reason: str = ""


def reply_line(one: Reply) -> bytes:
    """A reply for the line."""
    kinds = [kind.value for kind in one.kinds]
    return _json([one.number, one.verdict.value if one.verdict else None, kinds, one.reason]).encode() + b"\n"


def read_reply(line: bytes) -> Reply:
    """A reply from the line."""
    number, verdict, kinds, reason = json.loads(line)
    return Reply(number, Verdict(verdict) if verdict else None, [Kind(kind) for kind in kinds], reason)
