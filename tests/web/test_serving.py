"""How the relay listens."""

import aiohttp
from aiohttp import web

from relay.web.serving import serve


async def test_no_answer_names_versions() -> None:
    """Whoever looks for a known hole is not told what runs here, by whatever answer."""

    async def handle(request: web.Request) -> web.Response:
        if request.path == "/bug":
            raise RuntimeError
        return web.Response()

    app = web.Application()
    app.router.add_get("/", handle)
    app.router.add_get("/bug", handle)
    async with serve(app, "127.0.0.1", 0) as port, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        for path, status in (("/", 200), ("/none", 404), ("/bug", 500)):
            async with session.get(path) as response:
                assert (response.status, response.headers.get("Server")) == (status, None)
