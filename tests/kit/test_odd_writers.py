"""What programs write that know no null, encode twice, or have other names for things: nothing of it is lost."""

import json
from typing import Any

import pytest

from relay.kit.callbacks import SignedEvent, read_event
from relay.kit.events import CardItem, FileItem, IncomingItem, KeyboardItem, PlaceItem, SendMessageEvent, WordsItem
from relay.kit.payload import read_items
from relay.kit.signature import form_of, sign
from relay.mapping.to_telegram.keyboards import keyboard

LINK = "https://f.example/a.png"
PHOTO = {"type": "photo", "file_url": LINK}
FILE = FileItem("photo", LINK)
POINT = (PlaceItem(52.5, 13.25),)
YES, NO = {"text": "Yes", "callback_data": "1"}, {"text": "No", "callback_data": "0"}


@pytest.mark.parametrize("payload", ["null", " None ", "undefined", "true", "false", '"[]"', ["null", None]])
def test_a_word_for_nothing_is_no_item(payload: object) -> None:
    assert read_items(payload) == ()


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps(json.dumps([PHOTO])),
        "\ufeff" + json.dumps([PHOTO]),
        [json.dumps(json.dumps(PHOTO))],
        {"a": PHOTO, "b": None},
        {"0": None, "1": PHOTO},
    ],
)
def test_a_payload_may_be_wrapped_further(payload: object) -> None:
    """Encoded twice, with a mark of byte order, or with gaps."""
    assert read_items(payload) == (FILE,)


@pytest.mark.parametrize(
    ("item", "items"),
    [
        ({"type": "text", "text": "Look", "file_url": LINK}, (WordsItem("Look"), FileItem("any", LINK))),
        ({"type": "text", "file_url": LINK, "file_name": "b.png"}, (FileItem("any", LINK, "b.png"),)),
        ({"type": "contact", "file_url": LINK}, (FileItem("any", LINK),)),
        (
            {"type": "location", "latitude": 52.5, "longitude": 13.25, "file_url": LINK},
            (*POINT, FileItem("any", LINK)),
        ),
        ({"type": "text", "text": "Look", "file_url": False}, (WordsItem("Look"),)),
        ({"type": "text", "text": "Look", "file_url": "a.png"}, (WordsItem("Look"),)),
        ({"type": "location", "latitude": 52.5, "longitude": 13.25, "url": LINK}, POINT),
    ],
)
def test_an_item_that_is_no_file_may_come_with_one(item: dict[str, Any], items: tuple[IncomingItem, ...]) -> None:
    assert read_items([item]) == items


@pytest.mark.parametrize(
    "point",
    [
        {"lat": 52.5, "lng": 13.25},
        {"lat": "52.5°", "lon": " 13,25 "},
        {"location": {"latitude": 52.5, "longitude": 13.25}},
        {"location": '{"lat": 52.5, "long": 13.25}', "latitude": None},
    ],
)
def test_a_point_has_many_names(point: dict[str, object]) -> None:
    assert read_items([{"type": "location", **point}]) == POINT


def test_a_number_may_come_as_a_float() -> None:
    assert read_items([{"type": "contact", "name": "Ann", "number": 79001234567.0}]) == (
        CardItem("Ann", "79001234567"),
    )


@pytest.mark.parametrize(
    ("kind", "name", "own", "rows"),
    [
        ("inline_keyboard_markup", "inline_keyboard", "inline_keyboard", [[YES, NO], [YES]]),
        ("reply_keyboard_markup", "keyboard", "keyboard", [[{"text": "A"}, {"text": "B"}]]),
    ],
)
def test_a_keyboard_may_be_the_bot_apis_own(kind: str, name: str, own: str, rows: list[Any]) -> None:
    """An object with its rows in it, as `reply_markup` takes it; its flags too."""
    (item,) = read_items([{"type": f"telegram_{kind}", kind: {own: rows, "one_time_keyboard": True}}])
    assert isinstance(item, KeyboardItem)
    markup, dropped = keyboard(item)
    assert dropped == ()
    assert markup is not None
    assert markup[name] == rows
    assert markup.get("one_time_keyboard") == (True if own == "keyboard" else None)


def test_a_link_with_a_space_costs_no_keyboard() -> None:
    """Telegram refuses a whole keyboard for one such link; a port that is none costs its button alone."""
    odd = [{"text": "Go", "url": " https://x.example/a b "}, {"text": "Port", "url": "https://x.example:99999/"}, NO]
    (item,) = read_items([{"type": "telegram_inline_keyboard_markup", "inline_keyboard_markup": [odd]}])
    assert isinstance(item, KeyboardItem)
    assert keyboard(item) == (
        {"inline_keyboard": [[{"text": "Go", "url": "https://x.example/a%20b"}, NO]]},
        ("telegram_inline_keyboard_markup: a button with url",),
    )


@pytest.mark.parametrize("before", [b"", b"\n ", b" \n\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
@pytest.mark.parametrize("behind", [b"", b"\0", b"\n\0\n"])
def test_what_stands_around_the_document_is_nothing(before: bytes, behind: bytes) -> None:
    body = json.dumps(
        {
            "client_data": {"client_id": "7"},
            "event_id": "e1",
            "event_type": "send_message",
            "event_data": {"message": {"text": "hello"}},
        }
    ).encode()
    read = read_event(sign("s", "t", "e1").encode(), before + body + behind, salt="s", token="t")
    assert isinstance(read, SignedEvent)
    assert isinstance(read.event, SendMessageEvent)
    assert read.event.text == "hello"


@pytest.mark.parametrize("form", ["signature={},", "Signature {};", "signature: <{}>", "{{{}}}", "MD5 [{}]."])
def test_a_signature_may_stand_in_any_brackets(form: str) -> None:
    assert form_of(form.format(sign("s", "t", "e1")).encode(), "s", "t", "e1")
    assert not form_of(form.format(sign("s", "x", "e1")).encode(), "s", "t", "e1")
