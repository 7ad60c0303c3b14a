"""Reading what a request to the admin port asks for."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from duskgate.admin.guard import refusal

M = TypeVar("M", bound=BaseModel)


class Refused(Exception):
    """The body is too large or cannot be understood; ``answer`` says so."""

    def __init__(self, answer: Response) -> None:
        self.answer = answer


async def understood(request: Request, model: type[M], largest: int) -> M:
    """The body, JSON of ``largest`` bytes at most, as the model has it. Raises Refused."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > largest:
            raise Refused(refusal(413, "Body too large", f"at most {largest} bytes"))
    try:
        return model.model_validate_json(bytes(body))
    except ValidationError as error:
        reasons = "; ".join(map(_place, error.errors()))
        raise Refused(refusal(400, "Not understood", reasons)) from None


def _place(error: Any) -> str:
    return f"{'.'.join(map(str, error['loc']))}: {error['msg']}"
