"""What Kit says becomes steps in Telegram, in order, within Telegram's limits, and nothing is dropped in silence."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.kit.callbacks import SignedEvent, read_event
from relay.kit.events import CloseConversationEvent, OtherEvent, SendMessageEvent
from relay.kit.reading import read_fields
from relay.kit.signature import sign
from relay.mapping.text.text import units
from relay.mapping.to_telegram.events import TelegramContext, map_event, skipped_in
from relay.model import Accepted, Address, Client, Declined, Known, Outcome
from relay.steps import SendAlbum, SendContact, SendFile, SendLocation, SendText, SendVenue, Step, load_steps

SAMPLES = Path(__file__).parent.parent / "samples" / "kit"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.json") if path.stem != "signatures")
ANNA = Known(Client("107804195", Address(107804195)))
PLAIN = TelegramContext("123456789")
CLOSED = Client("107804195", Address(107804195), open=False)
FILES = "https://files.example.com/kit/"


def mapped_sample(name: str) -> Outcome:
    body = (SAMPLES / f"{name}.json").read_bytes()
    header = sign("s", "t", json.loads(body)["event_id"]).encode()
    callback = read_event(header, body, salt="s", token="t")
    assert isinstance(callback, SignedEvent)
    return map_event(callback.event, ANNA, PLAIN)


def steps_of(mapped: Outcome) -> list[Step]:
    assert isinstance(mapped, Accepted)
    assert mapped.draft.direction == "to_telegram"
    assert (mapped.client, mapped.media) == (None, ())
    return load_steps(mapped.draft.body)


def spoken(text: str | None = None, *payload: dict[str, Any], sender: object = None) -> SendMessageEvent:
    data = {"message": {"text": text, "payload": list(payload)}, "sender_data": sender}
    event = read_fields({"client_data": {"client_id": "7"}, "event_type": "send_message", "event_data": data}, "e")
    assert isinstance(event, SendMessageEvent)
    return event


def said(text: str | None = None, *payload: dict[str, Any]) -> Outcome:
    return map_event(spoken(text, *payload), ANNA, PLAIN)


def photo(name: str | None = "a.jpg", url: str = "https://f.example/a.jpg") -> dict[str, Any]:
    return {"type": "photo", "file_name": name, "file_url": url}


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_becomes_steps_or_closes(name: str) -> None:
    """A recorded message makes at least one step for its client; a recorded close names the client it closes."""
    mapped = mapped_sample(name)
    if name.startswith("close"):
        assert mapped == Declined("conversation closed: nothing to send", CLOSED)
    else:
        assert steps_of(mapped)
        assert isinstance(mapped, Accepted)
        assert mapped.draft.client_id == "107804195"


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("text_bot", [SendText("Please wait, an agent will be with you shortly.")]),
        ("photo", [SendFile("photo", "https://files.example.com/kit/screen%20shot%201.png", "screen shot 1.png")]),
        (
            "photo_caption",
            [SendFile("photo", "https://files.example.com/kit/pic.jpg", "pic.jpg", caption="See the picture")],
        ),
        (
            "media_multi",
            [
                SendAlbum(
                    (
                        SendFile("photo", f"{FILES}a.jpg", "a.jpg", caption="Three files"),
                        SendFile("photo", f"{FILES}b.png", "b.png"),
                    )
                ),
                SendFile("document", f"{FILES}c.pdf", "c.pdf"),
            ],
        ),
        (
            "mixed",
            [
                SendAlbum(
                    (
                        SendFile("photo", f"{FILES}a.jpg", "a.jpg", caption="Everything at once"),
                        SendFile("video", f"{FILES}b.mp4", "b.mp4"),
                    )
                ),
                SendFile("audio", f"{FILES}c.mp3", "c.mp3"),
                SendFile("document", f"{FILES}d.docx", "d.docx"),
                SendVenue(55.751244, 37.618423, "Москва", "Москва, Красная площадь"),
                SendContact("+79031234567", "Иван", "Петров"),
            ],
        ),
        ("location", [SendVenue(55.751244, 37.618423, "Москва", "Москва, Красная площадь")]),
        ("contact", [SendContact("+79031234567", "Иван", "Петров")]),
    ],
)
def test_samples_become_the_steps_that_a_reader_expects(name: str, steps: list[Step]) -> None:
    """Text plain, files in order with the text as the first one's caption, places and people as cards."""
    assert steps_of(mapped_sample(name)) == steps


def test_a_long_text_is_cut() -> None:
    """Over 4096 units the text becomes several messages."""
    steps = steps_of(mapped_sample("text_long"))
    assert len(steps) > 1
    assert all(isinstance(step, SendText) and units(step.text) <= 4096 for step in steps)


@pytest.mark.parametrize(("length", "captioned"), [(512, True), (513, False)])
def test_a_caption_that_does_not_fit_goes_first(length: int, *, captioned: bool) -> None:
    """1024 UTF-16 units are a caption; one more emoji makes the text a message of its own, before the file."""
    steps = steps_of(said("😀" * length, photo()))
    assert [type(step) for step in steps] == ([SendFile] if captioned else [SendText, SendFile])


def test_the_text_stays_in_front_of_what_is_no_file() -> None:
    """When a place or a person comes first, the text is its own message before it."""
    steps = steps_of(said("Come here", {"type": "location", "latitude": 1, "longitude": 2.5}, photo()))
    assert steps == [
        SendText("Come here"),
        SendLocation(1, 2.5),
        SendFile("photo", "https://f.example/a.jpg", "a.jpg"),
    ]


@pytest.mark.parametrize(
    ("kinds", "together"),
    [
        ("pp", ["pp"]),
        ("pvvp", ["pvvp"]),
        ("ppd", ["pp", "d"]),
        ("dpd", ["d", "p", "d"]),
        ("aadd", ["aa", "dd"]),
        ("pa", ["p", "a"]),
        ("pplpp", ["pp", "pp"]),
        ("p" * 10, ["p" * 10]),
        ("p" * 11, ["p" * 10, "p"]),
        ("v" * 23, ["v" * 10, "v" * 10, "vvv"]),
    ],
)
def test_files_go_together_as_albums_allow(kinds: str, together: list[str]) -> None:
    """Photos and videos mix, audio and documents stay among themselves, ten at most, and the order is the agent's."""
    names = {"p": "photo", "v": "video", "a": "audio", "d": "document"}
    point = {"type": "location", "latitude": 1, "longitude": 2}
    items = [
        {"type": names[kind], "file_url": f"https://f.example/{number}"} if kind in names else point
        for number, kind in enumerate(kinds)
    ]
    steps = steps_of(said("words", *items))
    groups = [
        step.items if isinstance(step, SendAlbum) else (step,)
        for step in steps
        if isinstance(step, SendAlbum | SendFile)
    ]
    assert ["".join(file.kind[0] for file in group) for group in groups] == together
    files = [file for group in groups for file in group]
    assert [file.url.rpartition("/")[2] for file in files] == [
        str(number) for number, kind in enumerate(kinds) if kind in names
    ]
    assert [file.caption for file in files] == ["words"] + [None] * (len(files) - 1)


NAMED = TelegramContext("123456789", show_agent_name=True)


@pytest.mark.parametrize(
    ("sender", "shown"),
    [
        ({"sender_type": "agent", "sender_display_name": " Джейн\n Smith "}, "Джейн Smith:\nhello"),
        ({"sender_type": "bot", "is_bot": True, "sender_display_name": "Robo"}, "Robo:\nhello"),
        ({"sender_type": "bot", "is_bot": True}, "hello"),
        ({"sender_type": "agent", "sender_username": "j.smith", "sender_email": "j@example.com"}, "hello"),
        ({"sender_display_name": " \0 "}, "hello"),
        ({"sender_display_name": "\u202eanilA\u3164"}, "anilA\u3164:\nhello"),
        ({"sender_display_name": "\u3164\u200e"}, "hello"),
        ({"sender_display_name": "{text}"}, "{text}:\nhello"),
        (None, "hello"),
        ([], "hello"),
    ],
)
def test_an_agents_name_stands_above_the_text_if_wanted(sender: object, shown: str) -> None:
    """The name that is for customers, on one line; user names and addresses are for colleagues. Bots may have none."""
    event = spoken("hello", sender=sender)
    assert steps_of(map_event(event, ANNA, NAMED)) == [SendText(shown)]
    assert steps_of(map_event(event, ANNA, PLAIN)) == [SendText("hello")]


def test_a_name_counts() -> None:
    """With it a caption may become a message of its own, and a text two; a file without words has no name."""
    sender = {"sender_display_name": "Anna"}
    fits, too_long = (map_event(spoken("x" * length, photo(), sender=sender), ANNA, NAMED) for length in (1018, 1019))
    assert [type(step) for step in steps_of(fits)] == [SendFile]
    assert [type(step) for step in steps_of(too_long)] == [SendText, SendFile]
    parts = steps_of(map_event(spoken("x" * 4096, sender=sender), ANNA, NAMED))
    assert [len(step.text) for step in parts if isinstance(step, SendText)] == [4096, 6]
    assert steps_of(map_event(spoken(None, photo(), sender=sender), ANNA, NAMED)) == steps_of(said(None, photo()))
    long_name = steps_of(map_event(spoken("x", sender={"sender_display_name": "y" * 900}), ANNA, NAMED))
    assert long_name == [SendText("y" * 63 + "…:\nx")]


@pytest.mark.parametrize(
    ("address", "title"),
    [
        ("Office", "Office"),
        ("Unter den Linden 1, 10117 Berlin", "Unter den Linden 1"),
        (" , nowhere", ", nowhere"),
        ("東京都、千代田区", "東京都"),
        ("x" * 500, "x" * 128),
    ],
)
def test_a_venue_has_a_title_and_its_whole_address(address: str, title: str) -> None:
    """The title is the address's first part; the address itself stays whole."""
    steps = steps_of(said(None, {"type": "location", "latitude": -90, "longitude": 180, "address": address}))
    assert steps == [SendVenue(-90, 180, title, address.strip())]


def test_a_point_that_is_not_on_earth_is_told_in_words() -> None:
    """Telegram would refuse it; Kit's own numbers are shown instead."""
    steps = steps_of(said(None, {"type": "location", "latitude": 91, "longitude": 2, "address": "Mars"}))
    assert steps == [SendText("Mars\n91, 2 https://maps.google.com/?q=91,2")]


@pytest.mark.parametrize(
    ("number", "taken"),
    [
        ("+7 (903) 123-45-67", "+79031234567"),
        ("\u202a+49\u00a030\u2011901820\u202c", "+4930901820"),
        ("\uff18\uff10\uff10\uff0e\uff15\uff15\uff15", "800555"),
        ("٠١٢٣٤٥", "012345"),
        ("112", "112"),
    ],
)
def test_a_number_is_cleaned_for_telegram(number: str, taken: str) -> None:
    """Brackets, spaces, dashes, invisible marks and other scripts' digits become plain digits."""
    assert steps_of(said(None, {"type": "contact", "number": number})) == [SendContact(taken, taken)]


@pytest.mark.parametrize(
    "number",
    ["8 800 555-35-35 доб. 12", "555-1234/35", "555 1234\n555 1235", "+1 +2345", "12", "1" * 16, "call me", "*100#"],
)
def test_a_number_that_cannot_be_dialled_as_it_stands_is_told_in_words(number: str) -> None:
    """An extension or a second number is never run together with the first."""
    assert steps_of(said(None, {"type": "contact", "name": "Anna", "number": number})) == [SendText(f"Anna\n{number}")]


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Anna", "Anna", None),
        ("  Anna \n Maria  Petrova ", "Anna", "Maria Petrova"),
        (" ", "+4930901820", None),
        (None, "+4930901820", None),
    ],
)
def test_a_name_is_split_at_its_first_space(name: str | None, first: str, last: str | None) -> None:
    """Telegram shows both parts as one; a card without a name shows its number."""
    card = {"type": "contact", "name": name, "number": "+4930901820"}
    assert steps_of(said(None, card)) == [SendContact("+4930901820", first, last)]


def test_a_name_too_long_for_a_card_is_told_in_words() -> None:
    """Nothing of it is cut off."""
    card = {"type": "contact", "name": "x" * 65, "number": "+4930901820"}
    assert steps_of(said(None, card)) == [SendText(f"{'x' * 65}\n+4930901820")]


@pytest.mark.parametrize(
    ("name", "url", "shown"),
    [
        ("../x\u202egpj.exe", "https://f.example/a", ".._xgpj.exe"),
        (None, "https://f.example/dir/%D0%B6%20b.png?sig=secret#x", "ж b.png"),
        ("", "https://f.example/", "photo"),
        (None, "https://[broken", "photo"),
    ],
)
def test_a_file_has_a_name_that_is_safe(name: str | None, url: str, shown: str) -> None:
    """Kit's name made safe, else the URL's last part, else the kind."""
    step = steps_of(said(None, photo(name, url)))[0]
    assert isinstance(step, SendFile)
    assert (step.name, step.url) == (shown, url)


@pytest.mark.parametrize("text", [None, "", " \n", "\0"])
def test_an_empty_message_is_declined(text: str | None) -> None:
    """A message without words and files is declined aloud."""
    assert said(text) == Declined("empty message")
    assert map_event(SendMessageEvent("e", "7"), ANNA, PLAIN) == Declined("empty message")


def test_what_telegram_cannot_show_is_skipped_aloud() -> None:
    """Unknown payload types are named for the log; the rest is delivered, and if there is no rest it is declined."""
    event = spoken("hi", {"type": "cmd", "x": 1}, photo(), {"type": "properties"})
    assert skipped_in(event) == ("cmd", "properties")
    assert len(steps_of(map_event(event, ANNA, PLAIN))) == 1
    assert said(None, {"type": "cmd"}) == Declined("nothing in it that Telegram could show")


def test_a_file_of_an_unlisted_type_is_what_its_bytes_are() -> None:
    """It carries the words like any file, and is called by its link if nothing else names it."""
    item = {"type": "image", "url": "https://f.example/x/scan.png"}
    assert steps_of(said("Look:", item)) == [
        SendFile("any", "https://f.example/x/scan.png", "scan.png", "Look:", guessed=True)
    ]
    assert steps_of(said(None, {"type": "voice", "url": "https://f.example"})) == [
        SendFile("any", "https://f.example", "file", guessed=True)
    ]


def test_an_address_without_a_point_is_said() -> None:
    """What cannot be shown on a map can still be read."""
    item = {"type": "location", "address": "Rua A 5"}
    assert steps_of(said("Here:", item)) == [SendText("Here:"), SendText("Rua A 5")]


def test_unknown_events_are_declined_aloud() -> None:
    """An event of a new type is declined, not failed."""
    assert map_event(OtherEvent(event_id="e", event_type="typing"), Known(), PLAIN) == Declined("unknown event type")


def test_a_close_without_a_reason_still_closes() -> None:
    """The client is what matters in a close."""
    assert map_event(CloseConversationEvent("e", "7"), ANNA, PLAIN) == Declined(
        "conversation closed: nothing to send", CLOSED
    )


ITEMS = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["photo", "video", "audio", "document"]), "file_url": st.text(max_size=9)},
        optional={"file_name": st.text(max_size=9) | st.none()},
    ),
    st.fixed_dictionaries(
        {"type": st.just("location"), "latitude": st.floats(-90, 90), "longitude": st.floats(-180, 180)},
        optional={"address": st.text(max_size=9)},
    ),
    st.fixed_dictionaries({"type": st.just("contact")}, optional={"name": st.text(), "number": st.text()}),
    st.fixed_dictionaries({"type": st.text(max_size=9)}),
)


@given(text=st.none() | st.text(max_size=60).map(lambda text: text * 80), payload=st.lists(ITEMS, max_size=4))
def test_any_message_maps_within_telegrams_limits(text: str | None, payload: list[dict[str, Any]]) -> None:
    """Every message becomes non-blank steps within the limits, or is declined; its words are never lost."""
    mapped = said(text, *payload)
    if isinstance(mapped, Declined):
        assert not (text or "").replace("\0", "").strip()
        return
    for step in steps_of(mapped):
        match step:
            case SendText(text=words):
                assert words.strip()
                assert units(words) <= 4096
            case SendFile() | SendAlbum():
                for file in step.items if isinstance(step, SendAlbum) else (step,):
                    assert file.name
                    assert file.url
                    assert units(file.caption or "") <= 1024
            case SendLocation(latitude, longitude) | SendVenue(latitude, longitude):
                assert -90 <= latitude <= 90
                assert -180 <= longitude <= 180
                assert isinstance(step, SendLocation) or (step.title.strip() and step.address.strip())
            case SendContact():
                assert step.phone_number
                assert step.first_name.strip()
