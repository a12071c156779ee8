"""Agents read the relay's words in their own language."""

import json
from typing import Any

import pytest

from relay.mapping.text.language import heading, noun, say, speaking
from relay.model import Accepted, Known
from relay.words.catalogue import languages, overridden
from tests.mapping.mapped import ANNA, NAMES, PTB_WARNS, event_of, mapped, mapped_sample, raw_sample

pytestmark = pytest.mark.filterwarnings(PTB_WARNS)

SAID = [
    (
        "ru",
        "voice_too_large",
        "[голосовое сообщение] voice 2025-11-30 10.54 (3).ogg, 300,0 МБ: файл слишком большой, передать его нельзя",
    ),
    (
        "de",
        "voice_too_large",
        "[Sprachnachricht] voice 2025-11-30 10.54 (3).ogg, 300,0 MB: zu groß, um weitergegeben zu werden",
    ),
    ("ru", "giveaway_completed", "[розыгрыш завершён] 2 победителя"),
    ("es", "paid_media", "[contenido de pago] 5 ⭐, ocultos hasta el pago: 1\nLook"),
    ("pt", "reaction_removed", "retirou a reação 👍 a uma mensagem"),
    ("de", "reply_photo", "❝[Foto] photo 2025-11-30 08.06 (33).jpg❞\nThat is the wrong colour"),
    ("ru", "unknown_kind", "[hologram]"),
]


def update(name: str) -> dict[str, Any]:
    if name != "voice_too_large":
        return raw_sample(name)
    raw = raw_sample("voice")
    raw["message"] |= {"message_id": 3}
    raw["message"]["voice"]["file_size"] = 300 * 2**20
    return raw


@pytest.mark.parametrize(("language", "name", "text"), SAID)
def test_an_agent_reads_their_own_language(language: str, name: str, text: str) -> None:
    """Kinds, sentences, plurals and numbers alike; what customers wrote stays as it is."""
    assert event_of(mapped(update(name), Known(ANNA), language=language)).event_data.message.text == text


@pytest.mark.parametrize("language", languages())
def test_every_sample_says_something_in_every_language(language: str) -> None:
    """An event differs from the English one in words only, and says something when that does."""
    for name in NAMES:
        outcome, english = mapped_sample(name, language=language), mapped_sample(name)
        if not isinstance(outcome, Accepted) or not isinstance(english, Accepted):
            assert outcome == english
            continue
        if outcome.draft.direction == "to_telegram":
            assert outcome == english  # the group's language is not the agents'
            continue
        message, wanted = event_of(outcome).event_data.message, event_of(english).event_data.message
        assert bool(message.text and message.text.strip()) == bool(wanted.text and wanted.text.strip()), name
        assert message.text or message.payload, name
        ours, theirs = json.loads(outcome.draft.body), json.loads(english.draft.body)
        ours["event_data"]["message"].pop("text", None)
        theirs["event_data"]["message"].pop("text", None)
        assert ours == theirs, name


def test_a_language_is_spoken_until_its_block_ends() -> None:
    """Blocks may stand inside one another; outside of them English is spoken."""
    assert noun("voice") == "voice message"
    with speaking("ru"):
        with speaking("de"):
            assert say("empty") == "leere Nachricht"
        assert heading("poll", "Чай?") == "[опрос] Чай?"
    assert heading("poll") == "[poll]"


def test_the_operators_words_reach_agents() -> None:
    """A line that the operator changed is what an agent reads."""
    with overridden({"es": {"noun.dice": "dados"}}):
        assert event_of(mapped(raw_sample("dice"), language="es")).event_data.message.text == "[dados] 🎯 6"
