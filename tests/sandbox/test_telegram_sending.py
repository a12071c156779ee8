"""Sending is checked as strictly as the Bot API does it, and answers messages that its clients can read."""

import hashlib
import io
from typing import Any

import aiohttp
import pytest
from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputFile,
    InputMediaDocument,
    InputMediaPhoto,
    InputMediaVideo,
    KeyboardButton,
    ReplyKeyboardMarkup,
    ReplyKeyboardRemove,
)
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, NetworkError, RetryAfter

from relay.sandbox.shared.content import png
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.formats import webp
from tests.sandbox.conftest import CHAT


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def call(http: aiohttp.ClientSession, telegram: TelegramLookAlike, method: str, **params: object) -> Any:
    async with http.post(f"{telegram.url}/bot{telegram.token}/{method}", json=params) as answer:
        document = await answer.json()
        assert answer.status == document.get("error_code", 200)
        return document


async def test_every_kind_of_message_is_answered_as_clients_expect(telegram: TelegramLookAlike, bot: Bot) -> None:
    """python-telegram-bot reads each answer; message ids ascend; files arrive byte for byte."""
    sent = [
        await bot.send_message(CHAT, "hello"),
        await bot.send_photo(CHAT, png(), caption="photo"),
        await bot.send_video(CHAT, b"video", filename="v.mp4"),
        await bot.send_animation(CHAT, b"gif", filename="a.gif"),
        await bot.send_audio(CHAT, b"mp3", filename="a.mp3"),
        await bot.send_voice(CHAT, b"ogg", filename="v.ogg"),
        await bot.send_document(CHAT, b"%PDF", filename="договор №5.pdf"),
        await bot.send_video_note(CHAT, b"round"),
        await bot.send_sticker(CHAT, webp()),
        await bot.send_location(CHAT, 52.5, 13.4),
        await bot.send_venue(CHAT, 52.5, 13.4, "Office", "Street 1"),
        await bot.send_contact(CHAT, "+49301", "Anna"),
    ]
    numbers = [message.message_id for message in sent]
    assert numbers == sorted(set(numbers))
    assert [message.api_kwargs for message in sent] == [{}] * len(sent)
    assert telegram.chat(CHAT).texts == ["hello"]
    document = next(made for made in telegram.calls if made.method == "sendDocument").files[0]
    assert (document.file_name, document.data) == ("договор №5.pdf", b"%PDF")
    assert document.sha256 == hashlib.sha256(b"%PDF").hexdigest()


@pytest.mark.parametrize(
    ("params", "description"),
    [
        ({"text": ""}, "message text is empty"),
        ({"text": " \n"}, "message text is empty"),
        ({}, "message text is empty"),
        ({"text": "x" * 4097}, "message is too long"),
        ({"text": "😀" * 2049}, "message is too long"),
        ({"text": "\ud800"}, 'parameter "text" must be of type text'),
        ({"text": 5}, 'parameter "text" must be of type text'),
        ({"text": None}, 'parameter "text" must be of type text'),
        ({"text": "hi", "chat_id": 1}, "chat not found"),
        ({"text": "hi", "chat_id": "anna"}, "chat not found"),
        ({"text": "hi", "parse_mod": "HTML"}, 'sendMessage has no parameter "parse_mod"'),
        ({"text": "hi", "parse_mode": "Word"}, "unsupported parse_mode"),
        ({"text": "hi", "disable_notification": "perhaps"}, 'parameter "disable_notification" must be of type boolean'),
        ({"text": "hi", "reply_markup": {"rows": []}}, "object expected as reply markup"),
        ({"text": "hi", "reply_parameters": {"message_id": 99}}, "message to be replied not found"),
        ({"text": "hi", "business_connection_id": "x"}, "business connection not found"),
    ],
)
async def test_wrong_texts_are_refused_with_the_reason(
    telegram: TelegramLookAlike, http: aiohttp.ClientSession, params: dict[str, object], description: str
) -> None:
    """Nothing wrong passes, and the answer says what it was."""
    telegram.customer(CHAT).writes("hi")
    answer = await call(http, telegram, "sendMessage", **{"chat_id": CHAT, **params})
    assert answer == {"ok": False, "error_code": 400, "description": f"Bad Request: {description}"}
    assert not telegram.calls
    assert telegram.refused[0].description == answer["description"]


async def test_the_longest_text_counted_in_utf16_passes(telegram: TelegramLookAlike, bot: Bot) -> None:
    """2048 emoji are 4096 units."""
    await bot.send_message(CHAT, "😀" * 2048)
    assert telegram.chat(CHAT).texts == ["😀" * 2048]


async def test_files_are_refused_for_size_shape_and_source(telegram: TelegramLookAlike, bot: Bot) -> None:
    """Too big, empty, no picture, by URL, an unknown file_id, a long caption: each has its answer."""
    telegram.upload_limit = 3_000_000
    telegram.sending.photo_limit = 1000
    with pytest.raises(NetworkError, match="Request Entity Too Large"):
        await bot.send_document(CHAT, bytes(3_000_001), filename="big.bin")
    with pytest.raises(BadRequest, match="too big for a photo"):
        await bot.send_photo(CHAT, png() + bytes(1000))
    with pytest.raises(BadRequest, match=r"(?i)photo_invalid_dimensions"):
        await bot.send_photo(CHAT, png(400, 10))
    with pytest.raises(BadRequest, match=r"(?i)image_process_failed"):
        await bot.send_photo(CHAT, b"no picture")
    with pytest.raises(BadRequest, match="non-empty"):
        await bot.send_document(CHAT, InputFile(io.BytesIO(b"").read(), "empty.txt"))
    with pytest.raises(BadRequest, match=r"(?i)http url"):
        await bot.send_document(CHAT, "https://example.com/a.pdf")
    with pytest.raises(BadRequest, match="Wrong remote file identifier"):
        await bot.send_document(CHAT, "BQACunknown")
    with pytest.raises(BadRequest, match="caption is too long"):
        await bot.send_document(CHAT, b"x", caption="c" * 1025)
    assert not [made for made in telegram.calls if made.method.startswith("send")]


async def test_a_large_upload_is_kept_on_disk_and_may_be_sent_again(telegram: TelegramLookAlike, bot: Bot) -> None:
    """An upload over a megabyte keeps its bytes, and its file_id serves a second sending."""
    data = bytes(range(256)) * 8192
    first = await bot.send_document(CHAT, data, filename="two.bin")
    assert telegram.calls[-1].files[0].sha256 == hashlib.sha256(data).hexdigest()
    assert first.document is not None
    await bot.send_document(CHAT, first.document.file_id)
    file = await bot.get_file(first.document.file_id)
    assert bytes(await file.download_as_bytearray()) == data


async def test_albums_keep_to_their_rules(telegram: TelegramLookAlike, bot: Bot) -> None:
    """2-10 items; photos and videos mix, documents only with their kind."""
    photo, video = InputMediaPhoto(png(), caption="one"), InputMediaVideo(b"v", filename="v.mp4")
    album = await bot.send_media_group(CHAT, [photo, video])
    assert [message.caption for message in album] == ["one", None]
    assert len({message.media_group_id for message in album}) == 1
    document = InputMediaDocument(b"d", filename="d.pdf")
    wrong_ones: list[list[InputMediaPhoto | InputMediaDocument]] = [[photo], [photo] * 11, [photo, document]]
    for wrong in wrong_ones:
        with pytest.raises(BadRequest):
            await bot.send_media_group(CHAT, wrong)
    assert len(telegram.chat(CHAT).messages) == 2


async def test_a_customer_uses_the_keyboard_that_the_bot_shows(telegram: TelegramLookAlike, bot: Bot) -> None:
    """A key sends its name or shares the own number, as an answer to the keyboard's message, until it is taken away."""
    customer = telegram.customer(CHAT)
    rows = ReplyKeyboardMarkup([["Hours", KeyboardButton("Phone", request_contact=True)]])
    asked = await bot.send_message(CHAT, "Please choose", reply_markup=rows)
    assert customer.presses_key("Hours")["message"]["text"] == "Hours"
    shared = customer.presses_key("Phone")["message"]
    assert (shared["contact"]["user_id"], shared["reply_to_message"]["message_id"]) == (CHAT, asked.message_id)
    inline = InlineKeyboardMarkup([[InlineKeyboardButton("5", callback_data="5")]])
    await bot.send_message(CHAT, "one under the message changes nothing", reply_markup=inline)
    with pytest.raises(ValueError, match="no key is called Prices"):
        customer.presses_key("Prices")
    await bot.send_message(CHAT, "Thank you", reply_markup=ReplyKeyboardRemove())
    with pytest.raises(ValueError, match="no key is called Hours"):
        customer.presses_key("Hours")


async def test_chats_may_close(telegram: TelegramLookAlike, bot: Bot) -> None:
    """Blocked and deleted are 403, and unblocking helps."""
    customer = telegram.customer(CHAT)
    customer.blocks_bot()
    with pytest.raises(Forbidden, match="blocked by the user"):
        await bot.send_message(CHAT, "hello")
    customer.unblocks_bot()
    await bot.send_message(CHAT, "hello")
    customer.deletes_account()
    with pytest.raises(Forbidden, match="deactivated"):
        await bot.send_message(CHAT, "hello")


async def test_a_group_moves_and_can_be_left(telegram: TelegramLookAlike, bot: Bot) -> None:
    """A migrated group names its new id; a left one is closed; a private chat cannot be left."""
    for group in (-5, -6):
        details = {"id": group, "type": "group", "title": "Friends"}
        telegram.customer(CHAT).sends_raw({"chat": details, "text": "hi bot"})
    telegram.chat(-5).migrated_to = -1005
    with pytest.raises(ChatMigrated) as moved:
        await bot.send_message(-5, "hello")
    assert moved.value.new_chat_id == -1005
    await bot.leave_chat(-6)
    with pytest.raises(Forbidden, match="not a member"):
        await bot.send_message(-6, "hello")
    with pytest.raises(BadRequest):
        await bot.leave_chat(CHAT)


async def test_a_wrong_token_and_an_unknown_method_are_no_secret(
    telegram: TelegramLookAlike, bot: Bot, http: aiohttp.ClientSession
) -> None:
    """401 for the one, 404 for the other."""
    stranger = Bot("123456789:wrong", base_url=f"{telegram.url}/bot")
    with pytest.raises(InvalidToken):
        await stranger.initialize()
    await stranger.shutdown()
    assert (await call(http, telegram, "sendTelepathy"))["error_code"] == 404
    assert (await bot.get_me()).username == "sandbox_support_bot"


async def test_a_chat_gets_a_burst_and_then_one_a_second(http: aiohttp.ClientSession) -> None:
    """The sixth message at once is told to wait; coming back early is counted, coming back in time is served."""
    clock = Clock()
    async with TelegramLookAlike(clock=clock) as telegram:
        telegram.customer(CHAT).writes("hi")
        answers = [await call(http, telegram, "sendMessage", chat_id=CHAT, text=str(n)) for n in range(6)]
        assert [answer["ok"] for answer in answers] == [True] * 5 + [False]
        assert answers[5]["parameters"] == {"retry_after": 1}
        assert (telegram.limits.given, telegram.limits.broken) == (1, 0)
        await call(http, telegram, "sendMessage", chat_id=CHAT, text="early")
        assert telegram.limits.broken == 1
        clock.now += 1
        assert (await call(http, telegram, "sendMessage", chat_id=CHAT, text="in time"))["ok"]


async def test_the_whole_bot_gets_thirty_a_second(http: aiohttp.ClientSession) -> None:
    """Thirty chats at once pass, the thirty-first waits."""
    async with TelegramLookAlike(clock=Clock()) as telegram:
        telegram.backlog(31, 31)
        chats = list(telegram.customers)
        answers = [await call(http, telegram, "sendMessage", chat_id=chat, text="hi") for chat in chats]
        assert [answer["ok"] for answer in answers] == [True] * 30 + [False]


@pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")
async def test_a_scripted_answer_hits_its_chat_only_and_once(telegram: TelegramLookAlike, bot: Bot) -> None:
    """next_answer fails one call; a call before its retry_after is over is counted as broken."""
    telegram.customer(2).writes("hi")
    telegram.next_answer(429, "Too Many Requests: retry after 3", on="sendMessage", of=CHAT, retry_after=3)
    await bot.send_message(2, "not meant")
    with pytest.raises(RetryAfter):
        await bot.send_message(CHAT, "first")
    await bot.send_message(CHAT, "second")
    assert telegram.chat(CHAT).texts == ["second"]
    assert (telegram.limits.given, telegram.limits.broken) == (1, 1)


async def test_buttons_actions_and_reads_refer_to_what_exists(telegram: TelegramLookAlike, bot: Bot) -> None:
    """An answered button cannot be answered again; an unknown action is refused."""
    sent = await bot.send_message(CHAT, "choose")
    query = telegram.customer(CHAT).presses(telegram.chat(CHAT).messages[-1], "yes")["callback_query"]
    assert query["message"]["message_id"] == sent.message_id
    await bot.answer_callback_query(query["id"])
    with pytest.raises(BadRequest, match="Query is too old"):
        await bot.answer_callback_query(query["id"])
    await bot.send_chat_action(CHAT, "upload_photo")
    with pytest.raises(BadRequest):
        await bot.send_chat_action(CHAT, "dance")


async def test_an_edited_message_loses_its_buttons(telegram: TelegramLookAlike, bot: Bot) -> None:
    """The text is another and the keyboard goes; what is not the bot's, or says that already, cannot be edited."""
    mine = telegram.customer(CHAT).writes("mine")["message"]["message_id"]
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("a", callback_data="a")]])
    sent = await bot.send_message(CHAT, "old", reply_markup=keyboard)
    await bot.edit_message_text("new", CHAT, sent.message_id)
    edited = telegram.chat(CHAT).messages[-1]
    assert (edited["text"], "reply_markup" in edited) == ("new", False)
    for message_id, text in ((sent.message_id, "new"), (mine, "x"), (999, "x"), (sent.message_id, " ")):
        with pytest.raises(BadRequest):
            await bot.edit_message_text(text, CHAT, message_id)


async def test_thumbnails_are_small_jpegs_of_the_same_request(telegram: TelegramLookAlike, bot: Bot) -> None:
    """They are told apart from the files; anything else is refused."""
    jpeg = b"\xff\xd8\xff" + bytes(100)
    await bot.send_video(CHAT, b"video", thumbnail=jpeg, width=640, height=360, duration=5)
    call = telegram.calls[-1]
    assert ([file.data for file in call.files], [file.data for file in call.thumbnails]) == ([b"video"], [jpeg])
    assert telegram.chat(CHAT).messages[-1]["video"]["width"] == 640
    for wrong in (png(), jpeg + bytes(200_000)):
        with pytest.raises(BadRequest, match="thumbnail"):
            await bot.send_video(CHAT, b"video", thumbnail=wrong)
