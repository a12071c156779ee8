"""What is promised about customers' words, looked for in the raw bytes of every file."""

import asyncio
import errno
import io
import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from relay.control.customers import customer_erase
from relay.media.conversion.converter import cache_key
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.store.customers import Whose
from relay.store.engine.erased import read_list
from tests.e2e.inside import relay_inside
from tests.e2e.process import RelayProcess, command, relay_between
from tests.postgresql import empty_postgresql
from tests.waiting import eventually

ANNA = "107804195"
CANARIES = ("canary-of-a-customer", "canary-of-an-agent", "Canaryname", "canary-file.pdf")


def found_in(home: Path) -> dict[str, list[str]]:
    """In which files of the relay which canaries stand, but for its log."""
    found = {}
    for path in home.rglob("*"):
        if path.is_file() and path.name != "relay.log":
            data = path.read_bytes()
            if hits := [canary for canary in CANARIES if canary.encode() in data]:
                found[path.name] = hits
    return found


async def talk(relay: RelayProcess, telegram: TelegramLookAlike, kit: KitLookAlike) -> None:
    """Both sides say something, and a file goes."""
    anna, ben = telegram.customer(int(ANNA), first_name="Canaryname"), telegram.customer(42, first_name="Ben")
    anna.writes("canary-of-a-customer")
    anna.sends_document(file_name="canary-file.pdf")
    ben.writes("Ben stays")
    await kit.wait_for(lambda: len(kit.messages(ANNA)) == 2 and len(kit.messages("42")) == 1)
    assert await kit.agent_says(ANNA, "canary-of-an-agent") == 200
    await telegram.wait_for(lambda: telegram.chat(int(ANNA)).texts)
    await relay.settled("to_telegram")


async def test_an_erased_customer_leaves_no_bytes(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Erased while the relay runs: nothing of theirs stands in any file, neither in the database nor in its log."""
    async with relay_between(telegram, kit, tmp_path) as relay:
        await relay.start()
        await talk(relay, telegram, kit)
        assert await asyncio.to_thread(found_in, tmp_path)
        code, said, _ = await command(relay, "customer", "erase", ANNA, "--yes")
        assert (code, "erased: " in said, "What lies elsewhere" in said) == (0, True, True)
        assert await asyncio.to_thread(found_in, tmp_path) == {}
        code, said, _ = await command(relay, "customer", "show", ANNA, "--json")
        assert (code, json.loads(said)["rows"]) == (0, {})
        telegram.customer(int(ANNA)).writes("I am new here")
        await kit.wait_for(lambda: "I am new here" in kit.texts(ANNA))


async def test_an_export_can_be_read(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """One archive: the conversation for people, every row for programs; nobody else may read the file."""
    archive = tmp_path / "anna.zip"
    async with relay_between(telegram, kit, tmp_path) as relay:
        await relay.start()
        await talk(relay, telegram, kit)
        code, said, wrong = await command(relay, "customer", "export", ANNA, str(archive))
        assert (code, wrong) == (0, ""), said
        assert (await command(relay, "customer", "export", ANNA, str(archive)))[0] == 1
    data, mode = await asyncio.to_thread(lambda: (archive.read_bytes(), archive.stat().st_mode))
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        words, rows = opened.read("messages.txt").decode(), json.loads(opened.read("data.json"))
    assert "customer: canary-of-a-customer" in words
    assert "agent: canary-of-an-agent" in words
    assert "Ben" not in words
    assert {"client_link", "inbox", "message", "media", "outbox"} <= rows.keys()
    assert mode & 0o077 == 0


async def test_a_question_is_asked_before(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """Without --yes a person must say so, and else nothing goes."""
    async with relay_between(telegram, kit, tmp_path) as relay:
        await relay.start()
        await talk(relay, telegram, kit)
        code, _, _ = await command(relay, "customer", "erase", ANNA, say="n\n")
        assert code == 1
        assert await asyncio.to_thread(found_in, tmp_path)


async def test_a_restored_backup_stays_erased(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """The backup is from before the erasure: the start erases again; who writes then is a new customer."""
    home, safe = tmp_path / "home", tmp_path / "safe"
    async with relay_between(telegram, kit, home) as relay:
        await relay.start()
        await talk(relay, telegram, kit)
        assert (await command(relay, "backup", str(safe / "before.db")))[0] == 0
        assert (await command(relay, "customer", "erase", ANNA, "--yes"))[0] == 0
        assert (await command(relay, "backup", str(safe / "after.db")))[0] == 0
        assert await relay.stop() == 0
        code, _, wrong = await command(relay, "restore", str(safe / "before.db"))
        assert code == 0, wrong
        for aside in home.glob("relay.db.replaced-*"):  # that one is a person's to delete
            await asyncio.to_thread(aside.unlink)
        assert await asyncio.to_thread(found_in, home)
        await relay.start()

        async def erased_again() -> bool:
            return "customer.erased_again" in relay.log

        await eventually(erased_again)
        assert await asyncio.to_thread(found_in, home) == {}
        telegram.customer(int(ANNA)).writes("I am new here")
        await kit.wait_for(lambda: "I am new here" in kit.texts(ANNA))
        await relay.settled("to_kit")
        assert await relay.stop() == 0
        erased = await asyncio.to_thread((safe / "after.db.erased").read_bytes)
        assert erased == await asyncio.to_thread((home / "relay.db.erased").read_bytes)


async def test_who_is_erased_at_one_relay_is_erased_at_all_of_them(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Another relay on the database has converted files and a list of its own: both go, or know; others' stay."""
    url, home = empty_postgresql(), tmp_path / "two"
    cache = home / "media-cache"
    cache.mkdir(parents=True)
    async with relay_inside(telegram, kit, tmp_path / "one", RELAY_DATABASE_URL=url) as one:
        for client in (ANNA, "42"):
            telegram.customer(int(client)).sends("voice", b"words", mime_type="audio/ogg")
            await kit.wait_for(lambda client=client: kit.messages(client))  # type: ignore[misc]
        [channel] = one.relay.channels
        anna, ben = Whose(channel.channel.key, ANNA), Whose(channel.channel.key, "42")
        [annas], [bens] = [await one.relay.store.converted_files(each) for each in (anna, ben)]
        for file in (annas, bens):
            await asyncio.to_thread((cache / cache_key(*file)).touch)
        await customer_erase(one.relay.context, {"client": ANNA})
    async with relay_inside(telegram, kit, home, RELAY_DATABASE_URL=url):

        async def knows() -> bool:
            return read_list(home / "relay.erased").asked_at(anna.channel, ANNA) is not None

        async def is_gone() -> bool:
            return not await asyncio.to_thread((cache / cache_key(*annas)).exists)

        await eventually(knows)
        await eventually(is_gone)
        assert await asyncio.to_thread((cache / cache_key(*bens)).exists)


async def test_a_file_that_cannot_be_removed_stops_nobody(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An erasure goes on at the start, and cannot: the log says which file it is. Others are erased, or write."""
    cache = tmp_path / "media-cache"
    stays: list[Path] = []
    unlink = Path.unlink

    def unlink_all_but_it(path: Path, *, missing_ok: bool = False) -> None:
        if path in stays:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        unlink(path, missing_ok=missing_ok)

    async with relay_inside(telegram, kit, tmp_path) as relay:
        telegram.customer(int(ANNA)).sends("voice", b"words", mime_type="audio/ogg")
        await kit.wait_for(lambda: kit.messages(ANNA))
        [channel] = relay.relay.channels
        anna, store = Whose(channel.channel.key, ANNA), relay.relay.store
        [voice] = await store.converted_files(anna)
        await store.ask_erasure(anna)
        await store.ask_erasure(replace(anna, client_id="43"))
    await asyncio.to_thread(cache.mkdir, exist_ok=True)
    stays.append(cache / cache_key(*voice))
    await asyncio.to_thread(stays[0].touch)
    monkeypatch.setattr(Path, "unlink", unlink_all_but_it)
    with structlog.testing.capture_logs() as log:
        async with relay_inside(telegram, kit, tmp_path) as relay:

            async def says_which() -> bool:
                return any(
                    str(stays[0]) in line.get("reason", "") for line in log if line["event"] == "customer.not_erased"
                )

            await eventually(says_which)
            assert await relay.relay.store.marked_for_erasure() == [anna]
            telegram.customer(42).writes("I go on")
            await kit.wait_for(lambda: kit.texts("42") == ["I go on"])


async def test_a_copy_that_cannot_be_removed_keeps_nobodys_rows(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds everybody's words, so nobody's erasure is over; but of all of them nothing is left in the database."""
    copy = tmp_path / "relay.db.before-0001"
    unlink = Path.unlink

    def unlink_all_but_it(path: Path, *, missing_ok: bool = False) -> None:
        if path == copy:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        unlink(path, missing_ok=missing_ok)

    async with relay_inside(telegram, kit, tmp_path) as relay:
        for client in (ANNA, "43"):
            telegram.customer(int(client)).writes("words")
        await kit.wait_for(lambda: kit.messages(ANNA) and kit.messages("43"))
        [channel] = relay.relay.channels
        all_of_them = [Whose(channel.channel.key, client) for client in (ANNA, "43")]
        for whose in all_of_them:
            await relay.relay.store.ask_erasure(whose)
    await asyncio.to_thread(copy.write_bytes, b"words")
    monkeypatch.setattr(Path, "unlink", unlink_all_but_it)
    with structlog.testing.capture_logs() as log:
        async with relay_inside(telegram, kit, tmp_path) as relay:
            store = relay.relay.store

            async def says_which() -> bool:
                return any(str(copy) in line["reason"] for line in log if line["event"] == "customer.not_erased")

            await eventually(says_which)
            assert await store.marked_for_erasure() == all_of_them
            for whose in all_of_them:
                assert set((await store.count_customer(whose)).values()) <= {0}


async def test_a_converted_file_that_cannot_be_removed_stops_nobody(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No link leads to it, and it cannot go: the log says which file it is, all else goes, and messages come."""
    file, *others = (tmp_path / "media-cache" / (digit * 64) for digit in "01234")
    file.parent.mkdir(parents=True)
    for each in (file, *others):
        await asyncio.to_thread(each.touch)
    unlink = Path.unlink

    def unlink_all_but_it(path: Path, *, missing_ok: bool = False) -> None:
        if path == file:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink_all_but_it)
    with structlog.testing.capture_logs() as log:
        async with relay_inside(telegram, kit, tmp_path):

            async def says_both() -> bool:
                stays = [line["reason"] for line in log if line["event"] == "retention.file_stays"]
                return any(str(file) in reason for reason in stays) and "retention.done" in [
                    line["event"] for line in log
                ]

            await eventually(says_both)
            assert await asyncio.to_thread(lambda: [each for each in others if each.exists()]) == []
            telegram.customer(42).writes("I go on")
            await kit.wait_for(lambda: kit.texts("42") == ["I go on"])


async def test_a_link_that_was_taken_back_opens_nothing(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """As it stands in Kit, it opens the file; after `relay media revoke` nothing, and it cannot be taken back twice."""
    async with relay_between(telegram, kit, tmp_path) as relay:
        await relay.start()
        telegram.customer(int(ANNA)).sends("document", b"plain words", file_name="words.txt")
        await kit.wait_for(lambda: kit.messages(ANNA))
        [link] = [str(item["file_url"]) for sent in kit.messages(ANNA) for item in sent.payload]
        path = link.removeprefix(relay.url)
        assert (await relay.get(path, admin=False))[0] == 200
        code, said, wrong = await command(relay, "media", "revoke", link)
        assert (code, wrong) == (0, ""), said
        assert (await relay.get(path, admin=False))[0] == 404
        code, _, wrong = await command(relay, "media", "revoke", link)
        assert (code, "taken back already" in wrong) == (1, True)
