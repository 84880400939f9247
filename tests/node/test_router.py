"""The router, in front of small servers in the same process."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from tests.machine import free_port
from tests.node.routing import HOST, echo, routed, serving, told


def test_target_body_and_headers_pass_and_what_is_about_one_connection_does_not() -> None:
    async def story() -> None:
        async with serving(echo) as port, routed(one=port) as (_, client):
            headers = {"X-Forwarded-For": "192.0.2.7", "Connection": "X-Mine", "X-Mine": "no", "X-Kept": "yes"}
            async with client.post("/a%2Fb?c=%20d", data="body", headers=headers) as response:
                answer = await response.json()
        seen = dict(answer["headers"])
        assert (answer["target"], answer["body"]) == ("/a%2Fb?c=%20d", "body")
        assert seen["X-Forwarded-For"] == "192.0.2.7, 127.0.0.1"
        assert (seen["Host"], seen["X-Kept"], "X-Mine" in seen) == (HOST, "yes", False)
        assert (response.headers["X-Own"], "X-Hop" in response.headers) == ("yes", False)

    told(story())


def test_an_answer_streams_while_it_is_written() -> None:
    seen = asyncio.Event()

    async def slow(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        await seen.wait()
        await response.write(b"second")
        return response

    async def story() -> None:
        async with serving(slow) as port, routed(one=port) as (_, client), client.get("/") as response:
            assert await response.content.readexactly(5) == b"first"
            seen.set()
            assert await response.content.read() == b"second"

    told(story())


def test_a_request_streams_while_it_is_sent() -> None:
    arrived = asyncio.Event()

    async def count(request: web.BaseRequest) -> web.StreamResponse:
        await request.content.readexactly(5)
        arrived.set()
        return web.Response(text=str(len(await request.content.read())))

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        await arrived.wait()
        yield b"second"

    async def story() -> None:
        async with serving(count) as port, routed(one=port) as (_, client), client.post("/", data=body()) as response:
            assert await response.text() == "6"

    told(story())


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_an_answer_without_a_body_stays_one(method: str, status: int) -> None:
    async def bare(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, text="body" if status == 200 else None)

    async def story() -> None:
        async with serving(bare) as port, routed(one=port) as (_, client):
            for _ in range(2):
                async with client.request(method, "/") as response:
                    assert (response.status, await response.read()) == (status, b"")
            assert response.headers.get("Content-Length") == ("4" if method == "HEAD" else None)

    told(story())


def test_a_compressed_answer_and_its_cookies_pass_untouched() -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.Response(body=b"\x1f\x8b not really", headers={"Content-Encoding": "gzip"})
        response.headers.add("Set-Cookie", "a=1")
        response.headers.add("Set-Cookie", "b=2")
        return response

    async def story() -> None:
        async with serving(answer) as port, routed(one=port) as (_, client), client.get("/") as response:
            assert await response.read() == b"\x1f\x8b not really"
            assert response.headers.getall("Set-Cookie") == ["a=1", "b=2"]

    told(story())


def test_a_pod_that_does_not_take_the_connection_is_passed_over() -> None:
    async def story() -> None:
        async with serving(echo) as port, routed(dead=free_port(), one=port) as (_, client):
            for _ in range(4):
                async with client.post("/", data="body") as response:
                    assert (response.status, (await response.json())["body"]) == (200, "body")

    told(story())


def test_a_pod_that_breaks_off_before_it_answers_is_a_bad_gateway() -> None:
    async def broken(request: web.BaseRequest) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def story() -> None:
        async with serving(broken) as port, routed(one=port) as (_, client), client.get("/") as response:
            assert response.status == 502

    told(story())


@pytest.mark.parametrize("read", [1, 8_000_000])
def test_a_body_that_was_begun_is_not_sent_again_without_its_beginning(read: int) -> None:
    async def dies(request: web.BaseRequest) -> web.StreamResponse:
        await request.content.readexactly(read)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def story() -> None:
        async with serving(dies) as port, routed(one=port) as (_, client), client.put("/", data=io.BytesIO(b"x" * 8_000_000)) as response:
            assert response.status == 502

    told(story())


def test_half_an_answer_does_not_look_whole() -> None:
    async def half(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    async def story() -> None:
        async with serving(half) as port, routed(one=port) as (_, client), client.get("/") as response:
            with pytest.raises(aiohttp.ClientError):
                await response.read()

    told(story())


def test_a_pod_counts_as_drained_only_when_its_last_request_is_answered() -> None:
    release = asyncio.Event()

    async def held(request: web.BaseRequest) -> web.StreamResponse:
        await release.wait()
        return web.Response(text="done")

    async def story() -> None:
        async with serving(held) as port, routed(one=port) as (router, client):
            asking = asyncio.create_task(client.get("/"))
            await asyncio.sleep(0.1)
            router.update({HOST: {}})
            drained = asyncio.create_task(router.drained("one"))
            await asyncio.sleep(0.1)
            assert not drained.done()
            release.set()
            await drained
            async with await asking as response:
                assert await response.text() == "done"
            await router.drained("one")
            await router.drained("never seen")

    told(story())


def test_a_client_that_asks_whether_to_go_on_is_told_to() -> None:
    async def story() -> None:
        async with serving(echo) as port, routed(one=port) as (_, client), client.post("/", data="body", expect100=True) as response:
            assert (await response.json())["body"] == "body"

    told(story())
