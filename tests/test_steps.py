"""The bodies of waiting deliveries outlive the version that wrote them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from relay.steps import (
    SendAlbum,
    SendContact,
    SendFile,
    SendLocation,
    SendText,
    SendVenue,
    Step,
    dump_steps,
    load_steps,
)

#: As version 0.1.0 wrote them, before there was anything but texts and files. Not to be edited.
OLD = (
    '[{"text":"hello","step":"send_text"},'
    '{"kind":"photo","url":"https://f.example/a","name":"a.jpg","caption":"see","step":"send_file"},'
    '{"kind":"document","url":"https://f.example/b","name":"b.pdf","step":"send_file"}]'
)

KEYBOARDS: list[dict[str, Any]] = [
    {"keyboard": [[{"text": "📱", "request_contact": True}]], "one_time_keyboard": True},
    {"remove_keyboard": True},
    {"inline_keyboard": [[{"text": "5", "callback_data": "rate:5"}], []]},
]
VIDEOS = st.builds(SendFile, st.just("video"), st.text(), st.text())
STEPS = st.one_of(
    st.builds(SendText, st.text(), st.none() | st.sampled_from(KEYBOARDS)),
    st.builds(SendFile, st.sampled_from(["photo", "audio"]), st.text(), st.text(), st.none() | st.text()),
    st.builds(SendAlbum, st.lists(VIDEOS, min_size=2, max_size=10).map(tuple)),
    st.builds(SendLocation, st.floats(-90, 90), st.floats(-180, 180)),
    st.builds(SendVenue, st.floats(-90, 90), st.floats(-180, 180), st.text(), st.text()),
    st.builds(SendContact, st.text(), st.text(), st.none() | st.text()),
)


def test_bodies_of_the_first_version_still_load() -> None:
    """What waits in a database when the relay is updated is delivered afterwards."""
    assert load_steps(OLD) == [
        SendText("hello"),
        SendFile("photo", "https://f.example/a", "a.jpg", "see"),
        SendFile("document", "https://f.example/b", "b.pdf"),
    ]
    assert dump_steps(load_steps(OLD)) == OLD


@given(st.lists(STEPS))
def test_what_is_written_is_read(steps: list[Step]) -> None:
    """Every step comes back as it was."""
    assert load_steps(dump_steps(steps)) == steps


@pytest.mark.parametrize("items", [0, 1, 11])
def test_an_album_has_two_to_ten_items(items: int) -> None:
    """Anything else is no album."""
    file = {"kind": "photo", "url": "u", "name": "n", "step": "send_file"}
    with pytest.raises(ValidationError):
        load_steps(json.dumps([{"step": "send_album", "items": [file] * items}]))
