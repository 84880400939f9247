"""A router in front of small servers in the same process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from chalicelib.adapters.embedded.node.router import Router, listen, router_session
from tests.machine import free_port

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
HOST = "api.localhost"


def told(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 20))


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield port
    finally:
        await runner.cleanup()


@asynccontextmanager
async def routed(**pods: int) -> AsyncIterator[tuple[Router, aiohttp.ClientSession]]:
    """A router whose one host leads to these pods, and a client of it."""
    async with router_session() as session:
        router = Router(session)
        async with (
            listening(router, **pods) as port,
            aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers={"Host": HOST}, auto_decompress=False) as client,
        ):
            yield router, client


@asynccontextmanager
async def listening(router: Router, *, silence: float = 60.0, **pods: int) -> AsyncIterator[int]:
    """The port of this router, whose one host leads to these pods."""
    router.update({HOST: pods})
    port = free_port()
    runner = await listen(router, "127.0.0.1", port, silence=silence)
    yield port
    await runner.cleanup()


async def answered(port: int, request: str) -> str:
    """All that comes back for these very bytes, until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode())
    try:
        return (await reader.read()).decode()
    finally:
        writer.close()


async def echo(request: web.BaseRequest) -> web.StreamResponse:
    return web.json_response(
        {"target": request.raw_path, "headers": list(request.headers.items()), "body": (await request.read()).decode()},
        headers={"X-Own": "yes", "Connection": "X-Hop", "X-Hop": "no"},
    )
