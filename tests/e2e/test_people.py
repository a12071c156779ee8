"""Who customers are and where they come from: what Kit is told of them, by the relay as a process of its own."""

import asyncio
import io
import json
import os
import pty
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import segno

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.shared.content import png
from relay.sandbox.telegram.business import BusinessAccount
from relay.sandbox.telegram.server import TelegramLookAlike
from relay.words.catalogue import words_for
from tests.databases import change, rows
from tests.e2e.process import COMMAND, RelayProcess, command, relay_between
from tests.waiting import eventually

ANNA = "107804195"


def told(kit: KitLookAlike, client: str = ANNA) -> list[dict[str, Any]]:
    """What Kit was told of a customer with each message."""
    return [sent.client_data for sent in kit.messages(client)]


async def looked_up(relay: RelayProcess) -> None:
    """Return once every customer's picture has been looked up."""

    async def done() -> bool:
        [(known, checked)] = rows(relay.home, "SELECT count(*), count(avatar_checked_at) FROM client_link")
        return bool(known == checked > 0)

    await eventually(done)


async def opened(link: str) -> tuple[int, str, bytes]:
    """Status, type and bytes of what a link opens."""
    async with aiohttp.ClientSession() as session, session.get(link) as answer:
        return answer.status, answer.content_type, await answer.read()


async def test_a_customers_picture_comes_with_the_second_message(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """It opens through our link, outlives a restart, and is another one a day after the customer changed it."""
    anna = telegram.customer(int(ANNA))
    anna.wears_photo(png(8, 8))
    async with relay_between(telegram, kit, tmp_path) as relay:
        await relay.start()
        anna.writes("one")
        await looked_up(relay)
        anna.writes("two")
        await kit.wait_for(lambda: len(told(kit)) == 2)
        assert "client_avatar" not in told(kit)[0]
        link = told(kit)[1]["client_avatar"]
        assert link.startswith(f"{relay.url}/media/")
        assert telegram.token not in link
        assert await opened(link) == (200, "image/jpeg", png(8, 8))

        assert await relay.stop() == 0
        anna.wears_photo(png(16, 16))
        await relay.start()
        anna.writes("three")
        await kit.wait_for(lambda: len(told(kit)) == 3)
        assert told(kit)[2]["client_avatar"] == link

        assert await relay.stop() == 0
        change(tmp_path, "UPDATE client_link SET avatar_checked_at = avatar_checked_at - 86400")
        await relay.start()
        anna.writes("four")
        await telegram.wait_for(lambda: len(telegram.lookups) == 2)
        anna.writes("five")
        await kit.wait_for(lambda: len(told(kit)) == 5)
        anna.writes("six")
        await kit.wait_for(lambda: len(told(kit)) == 6)
        newer = told(kit)[5]["client_avatar"]
        assert newer != link
        assert await opened(newer) == (200, "image/jpeg", png(16, 16))
        assert (await opened(link))[2] == png(16, 16), "what Kit still shows is not broken"


async def test_a_business_accounts_customers_are_people_too(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Their picture comes with the second message; what is too large is told them as the account."""
    account, anna = BusinessAccount(telegram.world), telegram.customer(int(ANNA), language_code="es")
    client = f"{ANNA}@{account.id}"
    anna.wears_photo(png(8, 8))
    film = anna.attachment("video", b"film", file_name="film.mp4", size=30 << 20)
    async with relay_between(telegram, kit, tmp_path, RELAY_ASK_PHONE="start") as relay:
        await relay.start()
        account.connects()
        account.hears(anna, "/start spring", entities=[{"type": "bot_command", "offset": 0, "length": 6}])
        await looked_up(relay)
        account.says(anna, "", **film)
        account.hears(anna, "", **film)
        await kit.wait_for(lambda: len(told(kit, client)) == 3)
        await relay.settled("to_telegram")
        assert await opened(told(kit, client)[2]["client_avatar"]) == (200, "image/jpeg", png(8, 8))
        assert await relay.stop() == 0
    assert account.chat(anna).texts == [words_for("es").say("customer.too_large", name="film.mp4", megabytes=30.0)]
    assert kit.texts(client)[0] == "/start spring", "written to a person, not to the bot"
    assert "utm" not in told(kit, client)[0]


async def test_a_picture_delays_no_message(telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess) -> None:
    """While Telegram keeps silent about pictures, messages go both ways."""
    anna = telegram.customer(int(ANNA))
    telegram.faults.hold, telegram.faults.hold_on = asyncio.Event(), "getUserProfilePhotos"
    anna.writes("one")
    anna.writes("two")
    await kit.wait_for(lambda: kit.texts(ANNA) == ["one", "two"], 5)
    await kit.agent_says(ANNA, "hello")
    await telegram.wait_for(lambda: telegram.chat(anna.id).texts == ["hello"], 5)
    assert await relay.stop() == 0


async def test_a_customer_shares_the_number_by_a_key(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """Start shows the key in the customer's language; pressed, it is gone, and Kit knows the number from then on."""
    words = words_for("ru")
    anna = telegram.customer(int(ANNA), language_code="ru")
    async with relay_between(telegram, kit, tmp_path, RELAY_ASK_PHONE="start") as relay:
        await relay.start()
        anna.starts()
        chat = telegram.chat(anna.id)
        await telegram.wait_for(lambda: chat.texts == [words.say("customer.share_phone_prompt")])
        anna.presses_key(words.say("customer.share_phone_button"))
        await telegram.wait_for(lambda: chat.texts[1:] == [words.say("customer.share_phone_thanks")])
        assert chat.keyboard == []
        anna.writes("thanks")
        await kit.wait_for(lambda: len(told(kit)) == 3)
        assert [data.get("client_phone") for data in told(kit)] == [None, "+4930123456", "+4930123456"]
        figures = await relay.settled("to_telegram")
        assert (figures.received, figures.delivered, figures.unaccounted) == (2, 2, 0)


async def test_a_file_over_the_limit_is_told_to_both_sides_once(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """The agent reads name and size, the customer one line, though Telegram repeats the update after a crash."""
    anna = telegram.customer(int(ANNA), language_code="de")
    update = anna.sends_video(b"film", file_name="film.mp4", size=30 << 20)
    expected = words_for("de").say("customer.too_large", name="film.mp4", megabytes=30.0)
    await telegram.wait_for(lambda: telegram.chat(anna.id).texts == [expected])
    await relay.settled("to_telegram")
    await relay.kill()
    telegram.push_update(dict(update))
    await relay.start()
    anna.writes("and?")
    await kit.wait_for(lambda: len(kit.texts(ANNA)) == 2)
    figures = await relay.settled("to_telegram")
    assert (figures.received, figures.delivered) == (1, 1)
    assert kit.texts(ANNA) == ["[video] film.mp4, 30.0 MB: too large to be passed on", "and?"]
    assert telegram.chat(anna.id).texts == [expected]


async def test_an_albums_large_files_are_told_in_one_line(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """Agents read one message with what passes and the names of the rest; the customer one line, about the first."""
    anna = telegram.customer(int(ANNA))
    for name, size in (("a.mp4", 30), ("b.mp4", 1), ("c.mp4", 40)):
        anna.sends("video", None, file_name=name, size=size << 20, media_group_id="album")
    [message] = await kit.wait_for(lambda: kit.messages(ANNA))
    figures = await relay.settled("to_telegram")
    assert (figures.received, figures.delivered) == (1, 1)
    assert [item["file_name"] for item in message.payload] == ["b.mp4"]
    assert message.text is not None
    assert [line.split(",")[0] for line in message.text.splitlines()] == ["[video] a.mp4", "[video] c.mp4"]
    line = words_for("en").say("customer.too_large", name="a.mp4", megabytes=30.0)
    assert telegram.chat(anna.id).texts == [line]


async def test_a_local_bot_api_server_raises_the_limit(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """What is too large for the cloud goes through, and nobody is told of a limit."""
    anna = telegram.customer(int(ANNA))
    telegram.files.download_limit = 2000 << 20
    async with relay_between(telegram, kit, tmp_path, TELEGRAM_LOCAL_API="true") as relay:
        await relay.start()
        anna.sends_document(file_name="film.mkv", size=30 << 20)
        [message] = await kit.wait_for(lambda: kit.messages(ANNA))
        assert [item["file_name"] for item in message.payload] == ["film.mkv"]
    assert telegram.chat(anna.id).texts == []


async def run_link(relay: RelayProcess, *options: str) -> dict[str, Any]:
    """What `relay link … --json` prints."""
    code, said, complained = await command(relay, "link", "--json", *options)
    assert (code, complained) == (0, "")
    made: dict[str, Any] = json.loads(said)
    return made


SHORT = ("--source", "instagram", "--campaign", "spring-sale")
LONG = (
    *("--source", "newsletter", "--medium", "email", "--campaign", "осенняя распродажа обуви 2026", "--content", "top"),
    *("--page-url", "https://shop.example/de/schuhe?farbe=blau&größe=42", "--page-title", "Schuhe für alle"),
)


async def test_links_tell_kit_where_a_customer_came_from(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """What `relay link` printed, short before the relay ran and long beside it, arrives as utm and page; first is kept.

    The long one's code outlives a `kill -9`.
    """
    anna = telegram.customer(int(ANNA))
    async with relay_between(telegram, kit, tmp_path) as relay:
        short = await run_link(relay, *SHORT)
        early = await run_link(relay, *LONG)
        await relay.start()
        long = await run_link(relay, *LONG)
        assert long == early, "the same values give the same link, whoever keeps it"
        assert (short["stored"], long["stored"]) == (False, True)
        for made in (short, long):
            address, _, payload = made["link"].partition("?start=")
            assert (address, payload) == (f"https://t.me/{telegram.bot['username']}", made["payload"])
        anna.starts(short["payload"])
        anna.writes("hello")
        await kit.wait_for(lambda: len(told(kit)) == 2)
        await relay.kill()
        await relay.start()
        anna.starts(long["payload"])
        anna.writes("me again")
        await kit.wait_for(lambda: len(told(kit)) == 4)
        assert await relay.stop() == 0
    first, second, third, fourth = told(kit)
    assert first["utm"] == second["utm"] == {"source": "instagram", "campaign": "spring-sale"}
    assert "page" not in first
    assert third["utm"] == fourth["utm"] == long["utm"]
    assert long["utm"]["campaign"] == "осенняя распродажа обуви 2026"
    assert third["page"] == fourth["page"] == long["page"]
    assert long["page"] == {"url": "https://shop.example/de/schuhe?farbe=blau&größe=42", "title": "Schuhe für alle"}
    assert kit.texts(ANNA)[0] == "▶ started the bot by the link spring-sale, instagram"
    assert kit.texts(ANNA)[2] == (
        "▶ started the bot by the link осенняя распродажа обуви 2026, newsletter, email, top, Schuhe für alle\n"
        "(came first by the link spring-sale, instagram)"
    )
    [(kept,)] = rows(tmp_path, "SELECT first_touch FROM client_link")
    assert json.loads(kept) == {"utm": first["utm"]}


async def test_a_link_has_a_qr_code_where_it_can_be_seen(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path
) -> None:
    """In a pipe there is the link alone, on a terminal its QR code below it; pictures are saved for the asking."""
    async with relay_between(telegram, kit, tmp_path) as relay:
        code, said, _ = await command(relay, "link", *SHORT, "--png", "qr.png", "--svg", "qr.svg")
        assert (code, said.count("\n")) == (0, 1)
        assert said.startswith(f"https://t.me/{telegram.bot['username']}?start=u1-")
        link = said.strip()
        assert (tmp_path / "qr.png").read_bytes() == drawn(link, "png")
        assert (tmp_path / "qr.svg").read_bytes() == drawn(link, "svg")
        shown = await on_a_terminal(relay, "link", *SHORT)
        first, *below = shown.splitlines()
        assert first == link
        assert set("█▀▄") & set("".join(below))
        assert len(below) > 10
        assert (await command(relay, "link", *SHORT, "--png", "no/where/qr.png"))[0] == 1


def drawn(link: str, kind: str) -> bytes:
    """The QR code of a link, as segno draws it."""
    picture = io.BytesIO()
    segno.make_qr(link).save(picture, kind=kind, scale=8)
    return picture.getvalue()


async def on_a_terminal(relay: RelayProcess, *arguments: str) -> str:
    """What a command prints on a terminal."""
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *COMMAND[:-1], *arguments, cwd=relay.home, env=relay.environment, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said = b""
    with suppress(OSError):  # the other end is closed: that was all
        while chunk := await asyncio.to_thread(os.read, ours, 65536):
            said += chunk
    os.close(ours)
    assert await process.wait() == 0, said
    return said.decode()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "Say where the customer comes from"),
        (["--page-url", "shop.example"], "page url is no address that begins with https:// or http://."),
        (["--term", "x" * 257], "utm term has more than 256 characters."),
        ([*SHORT, "--channel", "sales"], "--channel: say which one"),
    ],
)
async def test_a_link_that_cannot_be_made_is_refused_in_words(
    telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path, options: list[str], words: str
) -> None:
    """Exit 2, and what is wrong; nothing is printed that could be taken for a link."""
    async with relay_between(telegram, kit, tmp_path) as relay:
        code, said, complained = await command(relay, "link", *options)
    assert (code, said) == (2, "")
    assert words in " ".join(complained.split())


async def test_a_link_needs_telegram(telegram: TelegramLookAlike, kit: KitLookAlike, tmp_path: Path) -> None:
    """Only Telegram knows the bot's user name: without it, exit 1 with the reason, and not a word of the token."""
    async with relay_between(telegram, kit, tmp_path) as relay:
        telegram.next_answer(401, "Unauthorized", on="getMe")
        code, said, complained = await command(relay, "link", *SHORT)
    assert (code, said) == (1, "")
    refused = "Telegram does not say what the bot is called: Telegram refused the bot token"
    assert complained == f"{refused}. relay check says what to do\n"
