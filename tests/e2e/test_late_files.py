"""A file never holds up words: one whose server keeps it waiting comes when it can be had, or is given up, and told."""

import time

import pytest

from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.shared.content import png
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.inside import InnerRelay

ANNA = "107804195"


async def opened(telegram: TelegramLookAlike, kit: KitLookAlike) -> int:
    anna = telegram.customer(int(ANNA))
    anna.writes("hello")
    await kit.wait_for(lambda: kit.messages(ANNA))
    return anna.id


def photo(url: str, name: str = "front.png") -> dict[str, str]:
    return {"type": "photo", "file_name": name, "file_url": url}


@pytest.mark.parametrize("fault", ["500", "429", "cut off", "silent"])
async def test_words_and_later_answers_do_not_wait_for_a_file(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay, fault: str
) -> None:
    """They are there within 6 seconds; the file follows as a reply when its server gives it; the agent is told once."""
    chat = await opened(telegram, kit)
    url = kit.host_file(png(64, 64), "front.png", "image/png")
    file = kit.files.at(url)
    match fault:
        case "cut off":
            file.claimed_length = 10**6
        case "silent":
            file.stalls_after = 0
        case status:
            file.status = int(status)
    began = time.monotonic()
    assert await kit.agent_says(ANNA, "Here it is", [photo(url)]) == 200
    assert await kit.agent_says(ANNA, "and another word") == 200
    await telegram.wait_for(lambda: telegram.chat(chat).texts == ["Here it is", "and another word"])
    assert time.monotonic() - began < 6.5
    await kit.wait_for(lambda: len(kit.texts(ANNA)) == 2)
    file.status, file.claimed_length, file.stalls_after = 200, None, None
    await telegram.wait_for(lambda: any("photo" in message for message in telegram.chat(chat).messages))
    words, picture = telegram.chat(chat).messages[0], telegram.chat(chat).messages[-1]
    assert picture["reply_to_message"]["message_id"] == words["message_id"]
    figures = await inner.settled("to_telegram")
    assert (figures.received, figures.delivered, figures.dead, figures.unaccounted) == (3, 3, 0, 0)
    [note] = [text for text in kit.texts(ANNA) if text is not None and text.startswith("⏳")]
    assert note.startswith("⏳ The file ❝front.png❞ comes later — ")


async def test_nine_of_ten_arrive_as_an_album_while_one_is_late(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay
) -> None:
    """The healthy ones wait for one silence of the bad one's server at most, and keep the words."""
    chat = await opened(telegram, kit)
    urls = [kit.host_file(png(60 + number, 64), f"{number}.png", "image/png") for number in range(10)]
    bad = kit.files.at(urls[0])
    bad.stalls_after = 0
    assert await kit.agent_says(ANNA, "ten", [photo(url, f"{number}.png") for number, url in enumerate(urls)]) == 200
    await telegram.wait_for(lambda: len(telegram.chat(chat).messages) == 9)
    assert bad.fetches == 1  # with the others; it is asked again by itself, after them
    assert [call.method for call in telegram.calls if call.method.startswith("send")].count("sendMediaGroup") == 1
    assert telegram.chat(chat).messages[0]["caption"] == "ten"
    bad.stalls_after = None
    await telegram.wait_for(lambda: len(telegram.chat(chat).messages) == 10)
    assert (await inner.settled("to_telegram")).unaccounted == 0


async def test_a_late_file_that_its_server_refuses_in_the_end_is_told(
    telegram: TelegramLookAlike, kit: KitLookAlike, inner: InnerRelay
) -> None:
    """Even when the conversation was closed meanwhile: an answer is missing. The customer reads an apology."""
    chat = await opened(telegram, kit)
    url = kit.host_file(png(64, 64), "front.png", "image/png")
    kit.files.at(url).status = 503
    assert await kit.agent_says(ANNA, None, [photo(url)]) == 200
    await kit.wait_for(lambda: len(kit.texts(ANNA)) == 2)
    await kit.close_conversation(ANNA)
    kit.files.at(url).status = 404
    await kit.wait_for(lambda: len(kit.texts(ANNA)) == 3)
    late, lost = kit.texts(ANNA)[1:]
    assert str(late).startswith(
        "⏳ The file ❝front.png❞ comes later — its server answers with error 503. Everything else"
    )
    assert lost == "⚠️ The file ❝front.png❞ was not delivered — the file is not available any more"
    [text] = telegram.chat(chat).texts
    assert "front.png" in text
    figures = await inner.settled("to_telegram")
    assert (figures.dead, figures.unaccounted) == (1, 0)
