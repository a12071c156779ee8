"""What is told of an update that became a dead letter: that something is missing, and not a word of it."""

from dataclasses import replace
from typing import Any

import pytest

from relay.mapping.event.events import STRANGER, KitContext
from relay.mapping.to_kit.dead_updates import tell_dead, wants_of_dead
from relay.model import Address, Known
from tests.mapping.mapped import ANNA, BEFORE, IN_ACCOUNT, OWNERS, event_of, private, raw_sample

NOW = 1_790_000_000.0  # 2026-09-21 14:13:20 UTC
CONTEXT = KitContext("777", "https://relay.example", lambda: "id", owners=OWNERS)
SENT = int(NOW) - 3600
TALKING = Known(ANNA)


def told(raw: dict[str, Any], known: Known = STRANGER) -> str:
    """What the agent reads."""
    missing = tell_dead(raw, CONTEXT, 17, NOW, known)
    assert missing is not None
    return event_of(missing).event_data.message.text or ""


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (private(date=SENT, text="my secret is 4711"), "text (17 characters), written 2026-09-21 13:13"),
        (private(date=SENT, photo=[{}], caption="4711"), "photo, text (4 characters), written 2026-09-21 13:13"),
        (private(date="yesterday", photo=5), "photo, written 2026-09-21 14:13"),
        (private(date=SENT, telepathy={"thought": "4711"}), "telepathy, written 2026-09-21 13:13"),
        (
            {"update_id": 5, "edited_message": private(date=1, edit_date=SENT, text="4711")["message"]},
            "text (4 characters), written 2026-09-21 13:13",
        ),
    ],
)
def test_a_message_is_missing_whoever_wrote_it(raw: dict[str, Any], what: str) -> None:
    """Its kind, size and time and the number it is kept under, even if nobody knows the customer yet."""
    assert told(raw) == f"⚠️ Missing here: {what} UTC. The relay keeps it as dead letter 17."


def test_who_wrote_it_is_met() -> None:
    """The agent sees who it is, and can answer; of one who is talked to nothing changes."""
    missing = tell_dead(private(text="hi"), CONTEXT, 17, NOW)
    assert missing is not None
    assert missing.client is not None
    assert (missing.client.address, missing.client.open) == (Address(7), True)
    assert event_of(missing).client_data.client_display_name == "Ann"
    again = tell_dead(private(text="hi"), CONTEXT, 17, NOW, Known(missing.client))
    assert again is not None
    assert again.client is None


def test_a_note_of_it_is_told_apart_as_one_of_loss() -> None:
    """If it is refused too, the customer hears of it: see `failure.lost`."""
    missing = tell_dead(private(text="hi"), CONTEXT, 17, NOW)
    assert missing is not None
    assert event_of(missing).event_data.message.message_id == "17.0.lost"


@pytest.mark.parametrize(
    ("sample", "what"), [("callback_query", "button"), ("reaction", "reaction"), ("pinned_message", "pinned")]
)
def test_what_begins_no_conversation_is_missed_in_an_open_one_only(sample: str, what: str) -> None:
    """A button, a reaction, what happened to the chat."""
    raw = raw_sample(sample)
    assert what in told(raw, TALKING)
    assert tell_dead(raw, CONTEXT, 17, NOW) is None
    assert tell_dead(raw, CONTEXT, 17, NOW, Known(replace(ANNA, open=False))) is None


def test_what_an_account_says_itself_is_missed_in_an_open_one_only() -> None:
    """Past the bot, to a customer who is talked to."""
    raw = raw_sample("business_own")
    assert "Missing here" in told(raw, BEFORE["business_own"])
    assert tell_dead(raw, CONTEXT, 17, NOW, Known(replace(IN_ACCOUNT, open=False))) is None
    assert wants_of_dead(raw, CONTEXT).client_id == IN_ACCOUNT.client_id


@pytest.mark.parametrize(
    "raw",
    [
        raw_sample("group_text"),
        raw_sample("blocked"),
        raw_sample("business_rights"),
        private(chat={"id": 7}),
        {"update_id": 5, "message": 5},
        {"update_id": 5, "callback_query": {"id": "1"}},
        {"update_id": 5, "telepathy": {}},
        {"update_id": 5},
    ],
)
def test_what_is_no_customers_nobody_misses(raw: dict[str, Any]) -> None:
    """A group, a change of membership or rights, and what is nobody's."""
    assert tell_dead(raw, CONTEXT, 17, NOW, TALKING) is None
    assert wants_of_dead(raw, CONTEXT).client_id is None
