"""What is remembered of messages, so that later ones can refer to them."""

import pytest

from relay.mapping.content.remembered import said_by_agent
from relay.model import Said
from relay.steps import SendAlbum, SendContact, SendFile, SendLocation, SendText, SendVenue, Step

PHOTO = SendFile("photo", "https://a.example/1", "a.jpg")


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (SendText("Hello\nyou"), ["Hello\nyou"]),
        (SendFile("photo", "https://a.example/1", "a.jpg", "look"), ["look"]),
        (PHOTO, ["[Foto] a.jpg"]),
        (SendFile("document", "https://a.example/1", "a.pdf"), ["[Dokument] a.pdf"]),
        (SendAlbum((SendFile("video", "https://a.example/1", "a.mp4", "see"), PHOTO)), ["see", "[Foto] a.jpg"]),
        (SendLocation(1, 2), ["[Standort]"]),
        (SendVenue(1, 2, "Moscow", "Moscow, Arbat 1"), ["[Ort] Moscow, Arbat 1"]),
        (SendContact("+4930", "Anna", "Lee"), ["[Kontakt] Anna Lee"]),
    ],
    ids=str,
)
def test_what_an_agent_said_is_remembered_by_message(step: Step, words: list[str]) -> None:
    """Its words, else the name of what it brought, in the agents' language."""
    expected = tuple(Said(number, "agent", each) for number, each in enumerate(words, 5))
    assert said_by_agent(step, range(5, 5 + len(words)), "de") == expected
    assert said_by_agent(step, (), "de") == ()
