"""Keyboards of Kit's functions arrive as Telegram takes them, and nothing of them is dropped in silence."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.kit.events import KeyboardItem
from relay.kit.payload import read_items
from relay.mapping.to_telegram.events import skipped_in
from relay.mapping.to_telegram.keyboards import MAX_BUTTONS, keyboard
from relay.model import Declined
from relay.sandbox.telegram.keyboards import check_markup
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
    """As `setTelegramInlineKeyboard` of Kit's functions SDK writes it."""
    return {"type": INLINE, "inline_keyboard_markup": list(rows)}


def keys(*rows: Any, **params: Any) -> dict[str, Any]:
    """As `setTelegramReplyKeyboard` writes it."""
    return {"type": KEYS, "reply_keyboard_params": params, "reply_keyboard_markup": list(rows)}


@pytest.mark.parametrize(
    "rows",
    [
        [[YES]],
        [YES],
        json.dumps([[YES]]),
        [json.dumps([YES])],
        {"0": [YES]},
        {"1": {"1": YES}},
        [[YES], None, []],
    ],
    ids=str,
)
def test_an_inline_keyboard_may_be_written_in_other_ways(rows: object) -> None:
    """As JSON in a string, as objects instead of lists, without rows."""
    assert steps_of(said("Sure?", {"type": INLINE, "inline_keyboard_markup": rows})) == [SendText("Sure?", SHOWN)]


@pytest.mark.parametrize("elsewhere", ["inline_keyboard", "keyboard", "data", "markup", "buttons"])
def test_a_keyboard_in_a_field_that_nobody_publishes_is_named(elsewhere: str) -> None:
    """Nothing is guessed: the words arrive, and the log says that buttons did not."""
    item = {"type": INLINE, elsewhere: [[YES]]}
    assert steps_of(said("x", item)) == [SendText("x")]
    assert skipped_in(spoken("x", item)) == (f"{INLINE}: no buttons",)


@pytest.mark.parametrize(
    ("button", "taken"),
    [
        ({"text": "Site", "url": "https://example.com/a?b=c"}, {"text": "Site", "url": "https://example.com/a?b=c"}),
        ({"text": "Me", "url": "tg://user?id=1"}, {"text": "Me", "url": "tg://user?id=1"}),
        ({"text": "Copy", "copy_text": {"text": "SALE"}}, {"text": "Copy", "copy_text": {"text": "SALE"}}),
        ({"text": "7", "callback_data": 7}, {"text": "7", "callback_data": "7"}),
        ({"text": "Да, пожалуйста"}, {"text": "Да, пожалуйста", "callback_data": "Да, пожалуйста"}),
        ("Plain", {"text": "Plain", "callback_data": "Plain"}),
        ({"text": 5, "callback_data": 7.0, "url": ""}, {"text": "5", "callback_data": "7"}),
        (
            {"text": "Both", "url": "https://example.com", "callback_data": "1"},
            {"text": "Both", "url": "https://example.com"},
        ),
        ({"text": "Both", "url": "url", "callback_data": "1"}, {"text": "Both", "callback_data": "1"}),
        ({"text": "Web", "url": " www.example.com/a "}, {"text": "Web", "url": "https://www.example.com/a"}),
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
    rows = [["Yes", {"text": "No"}], [{"text": "Call me", "request_contact": True, "request_location": False}]]
    item = keys(*rows, one_time_keyboard=True, resize_keyboard="perhaps", input_field_placeholder="Well?")
    markup = {
        "keyboard": [[{"text": "Yes"}, {"text": "No"}], [{"text": "Call me", "request_contact": True}]],
        "resize_keyboard": True,
        "one_time_keyboard": True,
        "input_field_placeholder": "Well?",
    }
    assert steps_of(said("Sure?", item)) == [SendText("Sure?", markup)]
    assert steps_of(said("Sure?", keys(["Yes"]))) == [
        SendText("Sure?", {"keyboard": [[{"text": "Yes"}]], "resize_keyboard": True})
    ]
    assert skipped_in(spoken("x", keys([{"text": "a", "request_poll": {"type": "quiz"}}]))) == (
        f"{KEYS}: a button with request_poll",
    )


@pytest.mark.parametrize("yes", [True, 1, "1", "true", "True"])
@pytest.mark.parametrize("no", [False, 0, "0", "false"])
def test_flags_may_be_spelt_in_other_ways(yes: object, no: object) -> None:
    """As numbers and as strings."""
    item = keys([{"text": "Me", "request_contact": yes}], resize_keyboard=no, is_persistent=yes, selective=no)
    markup = {
        "keyboard": [[{"text": "Me", "request_contact": True}]],
        "resize_keyboard": False,
        "is_persistent": True,
        "selective": False,
    }
    assert steps_of(said("x", item)) == [SendText("x", markup)]


@pytest.mark.parametrize("params", [None, [], {}, "", {"remove_keyboard": True}, {"remove_keyboard": 1, "odd": 2}])
def test_a_keyboard_is_taken_away(params: object) -> None:
    """As `setTelegramReplyKeyboardRemove` writes it, with or without its parameters."""
    item = {"type": REMOVE, "reply_keyboard_remove_params": params}
    assert steps_of(said("Bye", item)) == [SendText("Bye", {"remove_keyboard": True})]


def test_a_keyboard_is_taken_away_from_those_who_are_meant() -> None:
    """Its own flag is kept."""
    item = {"type": REMOVE, "reply_keyboard_remove_params": {"remove_keyboard": True, "selective": True}}
    assert steps_of(said("Bye", item)) == [SendText("Bye", {"remove_keyboard": True, "selective": True})]


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
        | st.dictionaries(st.sampled_from(["text", "callback_data", "url", "copy_text", "pay"]), inner, max_size=5)
    ),
    max_leaves=60,
)
FIELDS = (
    "inline_keyboard_markup", "reply_keyboard_markup", "reply_keyboard_params", "reply_keyboard_remove_params",
)  # fmt: skip


@given(
    kind=st.sampled_from([INLINE, KEYS, REMOVE]),
    fields=st.dictionaries(st.sampled_from(FIELDS), JSON, min_size=1, max_size=2),
)
def test_any_keyboard_is_one_that_telegram_takes_or_none(kind: str, fields: dict[str, Any]) -> None:
    """Whatever a function attached: within the limits, with at least one button, or left out for a reason."""
    [item] = read_items([{"type": kind, **fields}])
    assert isinstance(item, KeyboardItem)
    markup, dropped = keyboard(item)
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
    [item] = read_items([inline(*[["x"] * 9] * 20)])
    assert isinstance(item, KeyboardItem)
    markup, dropped = keyboard(item)
    assert markup is not None
    assert [len(row) for row in markup["inline_keyboard"]] == [8] * 12 + [4]
    assert dropped == (f"{INLINE}: too many buttons",)
