"""Keyboards and marked-up texts are taken and refused as the Bot API's server does it, in its words."""

from typing import Any

import aiohttp
import pytest
from telegram import Bot

from relay.sandbox.shared.content import png
from relay.sandbox.telegram.html import read_html
from relay.sandbox.telegram.refusal import Refused
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.sandbox.conftest import CHAT
from tests.sandbox.test_telegram_sending import call

BUTTON = "can't parse inline keyboard button"


def inline(*buttons: object) -> dict[str, Any]:
    return {"inline_keyboard": [list(buttons)]}


@pytest.mark.parametrize(
    ("markup", "description"),
    [
        (inline({"text": "x"}), f"{BUTTON}: Text buttons are unallowed in the inline keyboard"),
        (inline({"text": "x", "callback_data": ""}), f"{BUTTON}: Text buttons are unallowed in the inline keyboard"),
        (inline({"text": "x", "callback_data": "d" * 65}), "BUTTON_DATA_INVALID"),
        (inline({"text": "x", "callback_data": "ы" * 33}), "BUTTON_DATA_INVALID"),
        (inline({"text": "x", "callback_data": 1}), f'{BUTTON}: Field "callback_data" must be of type String'),
        (inline({"text": "x", "url": "url"}), "inline keyboard button URL 'url' is invalid: Wrong HTTP URL"),
        (
            inline({"text": "x", "url": "ftp://a.example"}),
            "inline keyboard button URL 'ftp://a.example' is invalid: Unsupported URL protocol",
        ),
        (inline("x"), f"{BUTTON}: InlineKeyboardButton must be an Object"),
        (inline({"text": "", "callback_data": "1"}), "text buttons must be non-empty"),
        ({"inline_keyboard": [{"text": "x"}]}, 'field "inline_keyboard" must be an Array of Arrays'),
        ({"keyboard": [[5]]}, "can't parse keyboard button: KeyboardButton must be a String or an Object"),
        ({"keyboard": ["x"]}, 'field "keyboard" must be an Array of Arrays'),
    ],
    ids=str,
)
async def test_buttons_that_are_none_are_refused(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession, markup: dict[str, Any], description: str
) -> None:
    """Without an action, with too much data, with no link: 400, and nothing is sent."""
    telegram.customer(CHAT).writes("hi")
    answer = await call(http, telegram, "sendMessage", chat_id=CHAT, text="hi", reply_markup=markup)
    assert answer == {"ok": False, "error_code": 400, "description": f"Bad Request: {description}"}
    assert not telegram.chat(CHAT).texts


@pytest.mark.parametrize(
    "markup",
    [
        inline({"text": "x", "callback_data": "d" * 64}),
        inline({"text": "x", "url": "https://a.example/b?c=d"}, {"text": "y", "url": "a.example"}),
        inline({"text": "x", "url": "tg://user?id=1"}),
        inline({"text": "x", "url": "https://a.example", "callback_data": "d" * 65}),
        inline({"text": "x", "copy_text": {"text": "y"}}),
        {"keyboard": [["x", {"text": "y", "request_contact": True}]]},
        {"remove_keyboard": True},
        {"inline_keyboard": []},
    ],
    ids=str,
)
async def test_buttons_that_are_some_are_taken(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession, markup: dict[str, Any]
) -> None:
    """As the server takes them: of a button with a link it looks at nothing else."""
    telegram.customer(CHAT).writes("hi")
    assert (await call(http, telegram, "sendMessage", chat_id=CHAT, text="hi", reply_markup=markup))["ok"]


def entity(kind: str, offset: int, length: int, **extra: str) -> dict[str, Any]:
    return {"type": kind, "offset": offset, "length": length, **extra}


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("plain", "plain", []),
        ("<b>fat</b> &lt;&amp;&gt; &quot;&#33;&#x21;", 'fat <&> "!!', [entity("bold", 0, 3)]),
        ("&nbsp; AT&T &copy;", "&nbsp; AT&T &copy;", []),
        ("😀<i>a<b>b</b></i>", "😀ab", [entity("italic", 2, 2), entity("bold", 3, 1)]),
        ('<a href="https://a.example/?b=c&d">x</a>', "x", [entity("text_link", 0, 1, url="https://a.example/?b=c&d")]),
        ("<a>no link</a><b></b>", "no link", []),
        ('<span class="tg-spoiler">x</span>', "x", [entity("spoiler", 0, 1)]),
        ("<TG-SPOILER>x</TG-SPOILER>", "x", [entity("spoiler", 0, 1)]),
        ('<tg-emoji emoji-id="5">🙂</tg-emoji>', "🙂", [entity("custom_emoji", 0, 2, custom_emoji_id="5")]),
        ("<pre><code class='language-py'>x</code></pre>", "x", [entity("code", 0, 1), entity("pre", 0, 1)]),
    ],
)
def test_html_becomes_text_and_entities(source: str, text: str, entities: list[dict[str, Any]]) -> None:
    """Offsets and lengths in UTF-16 units."""
    assert read_html(source) == (text, entities)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("ы<div>x</div>", 'Unsupported start tag "div" at byte offset 2'),
        ("2 < 3", "Unclosed start tag at byte offset 2"),
        ("2 < 3 > 1", 'Unsupported start tag "" at byte offset 2'),
        ("<b", "Unclosed start tag at byte offset 0"),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
    ],
)
def test_html_that_is_none_is_refused(source: str, why: str) -> None:
    """With the place, in bytes."""
    with pytest.raises(Refused) as caught:
        read_html(source)
    assert caught.value.description == f"Bad Request: can't parse entities: {why}"


async def test_what_is_sent_as_html_is_checked_and_shown_as_text(
    telegram: TelegramLookAlike, bot: Bot, http: aiohttp.ClientSession
) -> None:
    """A text, a caption, an edit; the limit counts what people see."""
    sent = await bot.send_message(CHAT, "<b>hi</b>" + "x" * 4090, parse_mode="HTML")
    assert sent.text == "hi" + "x" * 4090
    assert [each.type for each in sent.entities] == ["bold"]
    photo = await bot.send_photo(CHAT, png(), caption="<u>a</u>b", parse_mode="HTML")
    assert (photo.caption, [each.type for each in photo.caption_entities]) == ("ab", ["underline"])
    for method, params in (
        ("sendMessage", {"text": "a <b"}),
        ("sendMessage", {"text": "<b> </b>"}),
        ("editMessageText", {"message_id": sent.message_id, "text": "<x>"}),
    ):
        answer = await call(http, telegram, method, chat_id=CHAT, parse_mode="HTML", **params)
        assert answer["error_code"] == 400, params
    await bot.edit_message_text("<i>ho</i>", CHAT, sent.message_id, parse_mode="HTML")
    message = telegram.chat(CHAT).find(sent.message_id)
    assert message is not None
    assert (message["text"], message["entities"]) == ("ho", [entity("italic", 0, 2)])


async def test_a_webhook_without_an_address_is_none(telegram: TelegramLookAlike, http: aiohttp.ClientSession) -> None:
    """Empty or missing, it takes away the one that is set; more connections than there can be are as many as can."""
    for params in ({"url": ""}, {}):
        said = await call(http, telegram, "setWebhook", url="https://a.example/hook", max_connections=500)
        assert said["result"] is True
        info = (await call(http, telegram, "getWebhookInfo"))["result"]
        assert (info["url"], info["max_connections"]) == ("https://a.example/hook", 100)
        assert (await call(http, telegram, "setWebhook", **params))["result"] is True
        info = (await call(http, telegram, "getWebhookInfo"))["result"]
        assert (info["url"], "max_connections" in info) == ("", False)
