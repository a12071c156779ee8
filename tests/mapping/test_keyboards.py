"""Keyboards of Kit's functions arrive as Telegram takes them, and nothing of them is dropped in silence."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.kit.models import KeyboardItem
from relay.mapping.keyboards import MAX_BUTTONS, keyboard
from relay.mapping.to_telegram import skipped_in
from relay.model import Declined
from relay.sandbox.telegram_sending import check_markup
from relay.steps import SendAlbum, SendFile, SendLocation, SendText
from tests.mapping.test_to_telegram import photo, said, spoken, steps_of

INLINE, KEYS, REMOVE = (
    "telegram_inline_keyboard_markup",
    "telegram_reply_keyboard_markup",
    "telegram_reply_keyboard_remove",
)
YES = {"text": "Yes", "callback_data": "y"}
SHOWN = {"inline_keyboard": [[YES]]}


def inline(*rows: Any) -> dict[str, Any]:
    return {"type": INLINE, "inline_keyboard": list(rows)}


@pytest.mark.parametrize(
    "item",
    [
        {"inline_keyboard": [[YES]]},
        {"keyboard": [[YES]]},
        {"keyboard": {"inline_keyboard": [[YES]]}},
        {"inline_keyboard": {"inline_keyboard": [[YES]]}},
        {"data": {"inline_keyboard": [[YES]]}},
        {"data": json.dumps({"inline_keyboard": [[YES]]})},
        {"data": [[YES]]},
        {"reply_markup": {"inline_keyboard": [[YES]]}},
        {"markup": {"inline_keyboard": json.dumps([[YES]])}},
        {"inline_keyboard": [YES]},
        {"buttons": [[{"text": "Yes", "data": "y"}]]},
    ],
)
def test_an_inline_keyboard_is_found_wherever_it_may_be(item: dict[str, Any]) -> None:
    """Telegram's own shape, bare or wrapped, as an object or as JSON in a string."""
    assert steps_of(said("Sure?", {"type": INLINE, **item})) == [SendText("Sure?", SHOWN)]


@pytest.mark.parametrize(
    ("button", "taken"),
    [
        ({"text": "Site", "url": "https://example.com/a?b=c"}, {"text": "Site", "url": "https://example.com/a?b=c"}),
        ({"text": "Me", "url": "tg://user?id=1"}, {"text": "Me", "url": "tg://user?id=1"}),
        ({"text": "Copy", "copy_text": {"text": "SALE"}}, {"text": "Copy", "copy_text": {"text": "SALE"}}),
        ({"text": "7", "callback_data": 7}, {"text": "7", "callback_data": "7"}),
        ({"text": "Да, пожалуйста"}, {"text": "Да, пожалуйста", "callback_data": "Да, пожалуйста"}),
        ("Plain", {"text": "Plain", "callback_data": "Plain"}),
        ({"text": "ы" * 60}, {"text": "ы" * 60, "callback_data": "ы" * 32}),
    ],
)
def test_a_button_does_what_it_says(button: object, taken: dict[str, Any]) -> None:
    """Links, data, texts to copy; a button that has a label alone says it."""
    assert steps_of(said("x", inline([button]))) == [SendText("x", {"inline_keyboard": [[taken]]})]


@pytest.mark.parametrize(
    ("button", "reason"),
    [
        ({"text": " ", "callback_data": "a"}, "a button without a text"),
        ({"callback_data": "a"}, "a button without a text"),
        (None, "a button without a text"),
        ({"text": "Pay", "pay": True}, "a button with pay"),
        ({"text": "App", "web_app": {"url": "https://example.com"}}, "a button with web_app"),
        ({"text": "Bad", "url": "javascript:alert(1)"}, "a button with url"),
        ({"text": "Bad", "url": "https://[::1/x"}, "a button with url"),
        ({"text": "Long", "callback_data": "x" * 65}, "a button with callback_data"),
    ],
)
def test_what_telegram_would_refuse_is_left_out_aloud(button: object, reason: str) -> None:
    """The other buttons stay; without any there is no keyboard, and the words arrive all the same."""
    event = spoken("x", inline([button, YES]))
    assert skipped_in(event) == (f"{INLINE}: {reason}",)
    assert steps_of(said("x", inline([button, YES]))) == [SendText("x", SHOWN)]
    assert steps_of(said("x", inline([button]))) == [SendText("x")]


def test_keys_under_the_text_field() -> None:
    """With what they ask for and the keyboard's own ways; without a word about its size it is small."""
    item = {
        "type": KEYS,
        "keyboard": [["Yes", {"text": "No"}], [{"text": "Call me", "request_contact": True}]],
        "one_time_keyboard": True,
        "resize_keyboard": "perhaps",
        "input_field_placeholder": "Well?",
    }
    keys = [[{"text": "Yes"}, {"text": "No"}], [{"text": "Call me", "request_contact": True}]]
    markup = {
        "keyboard": keys,
        "resize_keyboard": True,
        "one_time_keyboard": True,
        "input_field_placeholder": "Well?",
    }
    assert steps_of(said("Sure?", item)) == [SendText("Sure?", markup)]
    assert steps_of(said("Bye", {"type": REMOVE})) == [SendText("Bye", {"remove_keyboard": True})]
    assert skipped_in(spoken("x", {"type": KEYS, "keyboard": [[{"text": "a", "request_poll": {}}]]})) == (
        f"{KEYS}: a button with request_poll",
    )


def test_a_keyboard_goes_under_the_last_message_that_can_have_one() -> None:
    """Of a long text the last part; an album has none, so that words or the last file leave it."""
    parts = steps_of(said("x" * 5000, inline([YES])))
    assert [step.reply_markup for step in parts if isinstance(step, SendText)] == [None, SHOWN]
    point = {"type": "location", "latitude": 1, "longitude": 2}
    assert steps_of(said("x", inline([YES]), point)) == [SendText("x"), SendLocation(1, 2, SHOWN)]
    file = SendFile("photo", "https://f.example/a.jpg", "a.jpg")
    captioned = SendFile("photo", "https://f.example/a.jpg", "a.jpg", "x", SHOWN)
    lone = SendFile("photo", "https://f.example/a.jpg", "a.jpg", None, SHOWN)
    assert steps_of(said("x", photo(), inline([YES]))) == [captioned]
    assert steps_of(said("x", photo(), photo(), inline([YES]))) == [SendText("x", SHOWN), SendAlbum((file, file))]
    assert steps_of(said(None, photo(), photo(), inline([YES]))) == [file, lone]
    assert steps_of(said(None, *[photo()] * 3, inline([YES]))) == [SendAlbum((file, file)), lone]


def test_a_keyboard_alone_has_nothing_to_hang_on() -> None:
    """There is no message without content; and of two keyboards the first is shown."""
    assert said(None, inline([YES])) == Declined("nothing in it that Telegram could show")
    event = spoken("x", inline([YES]), {"type": REMOVE})
    assert skipped_in(event) == (f"{REMOVE}: another keyboard",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=70),
    lambda inner: (
        st.lists(inner, max_size=12)
        | st.dictionaries(
            st.sampled_from(
                ["inline_keyboard", "keyboard", "data", "text", "callback_data", "url", "copy_text", "pay"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=60,
)


@given(
    kind=st.sampled_from([INLINE, KEYS, REMOVE]), fields=st.dictionaries(st.text(max_size=5) | st.just("data"), JSON)
)
def test_any_keyboard_is_one_that_telegram_takes_or_none(kind: str, fields: dict[str, Any]) -> None:
    """Whatever a function attached: within the limits, with at least one button, or left out for a reason."""
    markup, dropped = keyboard(KeyboardItem.model_validate({"type": kind, "fields": fields}))
    if markup is None:
        assert dropped
        return
    check_markup(markup)
    rows = markup.get("inline_keyboard", markup.get("keyboard", []))
    buttons = [button for row in rows for button in row]
    assert buttons or "remove_keyboard" in markup
    assert all(rows)
    assert len(buttons) <= MAX_BUTTONS
    assert all(len(button.get("callback_data", "").encode()) <= 64 for button in buttons)
    assert json.dumps(markup).encode()


def test_a_huge_keyboard_is_cut() -> None:
    """A hundred buttons, eight in a row; the rest is named."""
    markup, dropped = keyboard(KeyboardItem(type=INLINE, fields={"keyboard": [["x"] * 9] * 20}))
    assert markup is not None
    assert [len(row) for row in markup["inline_keyboard"]] == [8] * 12 + [4]
    assert dropped == (f"{INLINE}: too many buttons",)
