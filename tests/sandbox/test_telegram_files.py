"""Files at Telegram: limits, links with a life, Range."""

import os
from pathlib import Path, PurePath
from typing import Any

import aiohttp
import pytest

from relay.sandbox.shared.content import Content
from relay.sandbox.telegram.server import TelegramLookAlike

BIG = 20 << 20


async def get_file(http: aiohttp.ClientSession, telegram: TelegramLookAlike, file_id: str) -> Any:
    async with http.get(f"{telegram.url}/bot{telegram.token}/getFile", params={"file_id": file_id}) as answer:
        return await answer.json()


async def link(http: aiohttp.ClientSession, telegram: TelegramLookAlike, file_id: str) -> str:
    found = await get_file(http, telegram, file_id)
    return f"{telegram.url}/file/bot{telegram.token}/{found['result']['file_path']}"


async def test_a_download_link_serves_get_head_and_ranges(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession
) -> None:
    """The whole, its head, its middle and its end; a range beyond the end is 416."""
    data = bytes(range(256)) * 300
    photo = telegram.customer().sends_photo(data)["message"]["photo"]
    url = await link(http, telegram, photo[-1]["file_id"])
    async with http.get(url) as answer:
        assert (answer.status, await answer.read()) == (200, data)
    async with http.head(url) as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(len(data)))
    for asked, expected in (("0-9", data[:10]), ("70000-", data[70000:]), ("-5", data[-5:])):
        async with http.get(url, headers={"Range": f"bytes={asked}"}) as answer:
            assert (answer.status, await answer.read()) == (206, expected)
            assert answer.headers["Content-Range"].endswith(f"/{len(data)}")
    async with http.get(url, headers={"Range": "bytes=99999999-"}) as answer:
        assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{len(data)}")


async def test_twenty_megabytes_come_down_and_a_byte_more_does_not(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession
) -> None:
    """The cloud server's download limit."""
    customer = telegram.customer()
    fits = customer.sends_document(size=BIG)["message"]["document"]["file_id"]
    size = 0
    async with http.get(await link(http, telegram, fits)) as answer:
        async for chunk in answer.content.iter_chunked(1 << 20):
            size += len(chunk)
    assert size == BIG
    over = customer.sends_document(size=BIG + 1)["message"]["document"]["file_id"]
    assert (await get_file(http, telegram, over))["description"] == "Bad Request: file is too big"


async def test_a_link_dies_and_the_file_id_makes_a_new_one(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession
) -> None:
    """A link is 404 before getFile, after its time, under a wrong token, and when the file is dead."""
    file_id = telegram.customer().sends_voice(b"ogg")["message"]["voice"]["file_id"]
    url = await link(http, telegram, file_id)
    telegram.files.expire_links()
    async with http.get(url) as answer:
        assert answer.status == 404
    url = await link(http, telegram, file_id)
    async with http.get(url.replace(telegram.token, "1:x")) as answer:
        assert answer.status == 404
    async with http.get(url) as answer:
        assert await answer.read() == b"ogg"
    telegram.kill_file(file_id)
    async with http.get(url) as answer:
        assert answer.status == 404
    answer_to_dead = await get_file(http, telegram, file_id)
    assert answer_to_dead["description"].endswith("wrong file_id or the file is temporarily unavailable")
    answer_to_unknown = await get_file(http, telegram, "never given")
    assert answer_to_unknown["description"] == "Bad Request: invalid file_id"


@pytest.mark.parametrize(("start", "stop"), [(0, 10), (250, 252), (65_530, 65_550), (131_000, 200_000)])
def test_generated_bytes_are_the_same_however_they_are_cut(start: int, stop: int) -> None:
    """A range of a generated file equals the same part of the whole."""
    content = Content.of(200_000)
    assert b"".join(content.chunks(start, stop)) == content.read()[start:stop]


async def test_a_local_server_names_files_on_its_disk(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """Below a directory that is called by the token, beyond 20 MB too; what was deleted is there again when asked."""
    telegram.run_locally(tmp_path)
    document = telegram.customer().sends_document(BIG + 1, file_name="film.mp4")["message"]["document"]
    for _ in range(2):
        found = (await get_file(http, telegram, document["file_id"]))["result"]
        assert PurePath(found["file_path"]).parent == tmp_path / telegram.token / "documents"
        assert os.stat(found["file_path"]).st_size == found["file_size"] == BIG + 1  # noqa: PTH116 - a look, not a wait
        os.unlink(found["file_path"])  # noqa: PTH108 - the same
