"""Active health checks: asking a target's health path now and then, with httpx."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import httpx

from duskgate.policy.plan import Backend
from duskgate.proxy.upstream.address import Address
from duskgate.proxy.upstream.tls import client_context

logger = logging.getLogger("duskgate")

EVERY = 5.0
TIMEOUT = 2.0
"""Seconds between two probes, and until an unanswered one counts as bad."""


async def probe(base: str, backend: Backend, every: float = EVERY) -> AsyncIterator[bool]:
    """Yield for each probe whether the target answered 2xx: at once, then ``every`` so many seconds."""
    address = Address.of(base)
    verify = client_context(backend) if address.scheme == "https" else False
    transport = httpx.AsyncHTTPTransport(verify=verify, trust_env=False, uds=address.path)
    url = f"{address.scheme}://{address.authority.decode()}{address.prefix.decode()}{backend.health}"
    name = backend.tls.server_name
    extensions = {"sni_hostname": name} if name is not None else {}
    async with httpx.AsyncClient(transport=transport, timeout=TIMEOUT, trust_env=False) as client:
        while True:
            try:
                answer = await client.get(url, extensions=extensions)
                good = answer.is_success
            except Exception as error:  # whatever it is, the target could not be asked
                logger.debug("probe of %s: %r", base, error)
                good = False
            yield good
            await asyncio.sleep(every)
