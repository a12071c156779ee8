"""What Kit says becomes steps in Telegram, in order, within Telegram's limits, and nothing is dropped in silence."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.kit.models import CloseConversationEvent, OtherEvent, SendMessageEvent
from relay.kit.protocol import SignedEvent, read_event
from relay.kit.signature import sign
from relay.mapping.text import units
from relay.mapping.to_telegram import Mapped, map_event
from relay.model import Accepted, Declined
from relay.steps import SendFile, SendText, Step, load_steps

SAMPLES = Path(__file__).parent.parent / "samples" / "kit"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.json") if path.stem != "signatures")
PLACE = "Москва, Красная площадь\n55.751244, 37.618423 https://maps.google.com/?q=55.751244,37.618423"


def mapped_sample(name: str) -> Mapped:
    body = (SAMPLES / f"{name}.json").read_bytes()
    header = sign("s", "t", json.loads(body)["event_id"]).encode()
    callback = read_event(header, body, salt="s", token="t")
    assert isinstance(callback, SignedEvent)
    return map_event(callback.event)


def steps_of(mapped: Mapped) -> list[Step]:
    assert isinstance(mapped.outcome, Accepted)
    assert mapped.outcome.draft.direction == "to_telegram"
    assert (mapped.outcome.link, mapped.outcome.media) == (None, ())
    return load_steps(mapped.outcome.draft.body)


def said(text: str | None = None, *payload: dict[str, Any]) -> Mapped:
    message = {"text": text, "payload": payload}
    raw = {"client_data": {"client_id": "7"}, "event_id": "e", "event_data": {"message": message}}
    return map_event(SendMessageEvent.model_validate(raw))


def photo(name: str | None = "a.jpg", url: str = "https://f.example/a.jpg") -> dict[str, Any]:
    return {"type": "photo", "file_name": name, "file_url": url}


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_becomes_steps_or_closes(name: str) -> None:
    """A recorded message makes at least one step for its client; a recorded close names the client it closes."""
    mapped = mapped_sample(name)
    assert mapped.skipped == ()
    if name.startswith("close"):
        assert mapped.outcome == Declined("conversation closed: nothing to send", closes="107804195")
    else:
        assert steps_of(mapped)
        assert isinstance(mapped.outcome, Accepted)
        assert mapped.outcome.draft.client_id == "107804195"


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
                SendFile("photo", "https://files.example.com/kit/a.jpg", "a.jpg", caption="Three files"),
                SendFile("photo", "https://files.example.com/kit/b.png", "b.png"),
                SendFile("document", "https://files.example.com/kit/c.pdf", "c.pdf"),
            ],
        ),
        ("location", [SendText(PLACE)]),
        ("contact", [SendText("Иван Петров\n+79031234567")]),
    ],
)
def test_samples_become_the_steps_that_a_reader_expects(name: str, steps: list[Step]) -> None:
    """Text plain, files in order with the text as the first one's caption, places and people in words."""
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
        SendText("1, 2.5 https://maps.google.com/?q=1,2.5"),
        SendFile("photo", "https://f.example/a.jpg", "a.jpg"),
    ]


@pytest.mark.parametrize(
    ("name", "url", "shown"),
    [
        ("../x\u202egpj.exe", "https://f.example/a", "_xgpj.exe"),
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
    assert said(text) == Mapped(Declined("empty message"))
    assert map_event(
        SendMessageEvent.model_validate({"client_data": {"client_id": "7"}, "event_id": "e", "event_data": {}})
    ) == Mapped(Declined("empty message"))


def test_what_telegram_cannot_show_is_skipped_aloud() -> None:
    """Unknown payload types are named for the log; the rest is delivered, and if there is no rest it is declined."""
    mapped = said("hi", {"type": "cmd", "x": 1}, photo(), {"type": "properties"})
    assert mapped.skipped == ("cmd", "properties")
    assert len(steps_of(mapped)) == 1
    assert said(None, {"type": "cmd"}) == Mapped(Declined("nothing in it that Telegram could show"), ("cmd",))


def test_unknown_events_are_declined_aloud() -> None:
    """An event of a new type is declined, not failed."""
    assert map_event(OtherEvent(event_id="e", event_type="typing")).outcome == Declined("unknown event type")


def test_a_close_without_a_reason_still_closes() -> None:
    """The client is what matters in a close."""
    event = CloseConversationEvent.model_validate({"client_data": {"client_id": "7"}, "event_id": "e"})
    assert map_event(event).outcome == Declined("conversation closed: nothing to send", closes="7")


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
    if isinstance(mapped.outcome, Declined):
        assert not (text or "").replace("\0", "").strip()
        return
    for step in steps_of(mapped):
        if isinstance(step, SendText):
            assert step.text.strip()
            assert units(step.text) <= 4096
        else:
            assert step.name
            assert step.url
            assert units(step.caption or "") <= 1024
