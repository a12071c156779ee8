"""Several edits or reactions within a moment are one event: what became of the message since agents read it."""

from dataclasses import replace
from typing import Any

from relay.intake.reading import read_update
from relay.mapping.event.lateness import LATE, dated
from relay.model import Accepted, Album, Declined, Known, Outcome, Said
from tests.mapping.mapped import TALKING, event_of, private
from tests.mapping.test_context import reaction
from tests.mapping.test_field import CONTEXT

OLD = Said(3, "customer", "old words")


class Desk:
    """One client's letters, one after the other, as the store lets mapping know of what came before."""

    def __init__(self, said: Said | None = OLD) -> None:
        self.known = replace(TALKING, said={} if said is None else {said.message_id: said})
        self.waiting: dict[str, Album] = {}

    def takes(self, raw: dict[str, Any]) -> Outcome:
        reading = read_update(raw, CONTEXT)
        group = reading.wants.album or ""
        outcome = reading.decide(replace(self.known, album=self.waiting.get(group)))
        if isinstance(outcome, Accepted | Declined):
            self.known = replace(
                self.known, said={**self.known.said, **{each.message_id: each for each in outcome.said}}
            )
        if isinstance(outcome, Accepted) and outcome.draft.album is not None:
            assert (outcome.draft.album, outcome.draft.hasty) == (group, True)
            self.waiting[group] = Album(outcome.draft.parts)
        if isinstance(outcome, Declined) and outcome.withdraws is not None:
            assert outcome.withdraws == group
            self.waiting[group] = Album(None)
        return outcome


def edited(text: str, update_id: int, message_id: int = 3) -> dict[str, Any]:
    return {"update_id": update_id, "edited_message": private(text=text, edit_date=2, message_id=message_id)["message"]}


def text_of(outcome: Outcome) -> str:
    return event_of(outcome).event_data.message.text or ""


def test_edits_tell_what_agents_have_read_before_them() -> None:
    """Under the ids of the first one; what stood in between nobody has seen."""
    desk = Desk()
    first, second = desk.takes(edited("new", 5)), desk.takes(edited("newer", 6))
    assert [text_of(outcome) for outcome in (first, second)] == [
        "✏️ new\n(was: old words)",
        "✏️ newer\n(was: old words)",
    ]
    assert event_of(first).event_id == event_of(second).event_id
    assert event_of(second).event_data.message.message_id == "3.edit.5"
    other = desk.takes(edited("another", 7, message_id=4))
    assert (text_of(other), event_of(other).event_data.message.message_id) == ("✏️ another", "4.edit.7")


def test_an_edit_that_is_taken_back_is_nobodys_business() -> None:
    """And the memory says what the message says."""
    desk = Desk()
    desk.takes(edited("new", 5))
    outcome = desk.takes(edited("old words", 6))
    assert isinstance(outcome, Declined)
    assert outcome.reason == "edit: taken back before an agent could see it"
    assert desk.known.said[3].text == "old words"
    assert text_of(desk.takes(edited("newest", 7))) == "✏️ newest\n(was: old words)"


def test_a_message_of_which_nothing_is_remembered_is_shown_as_it_is() -> None:
    """However often it was edited."""
    desk = Desk(None)
    assert [text_of(desk.takes(edited(text, number))) for number, text in enumerate(("a", "b"))] == ["✏️ a", "✏️ b"]


def test_reactions_tell_what_is_new_since_agents_read_it() -> None:
    """A heart that became a thumb is a thumb; a heart that was tried and taken back is nothing."""
    desk = Desk()
    desk.takes(reaction([], ["❤"]))
    assert text_of(desk.takes(reaction(["❤"], ["👍"]))) == "👍 to ❝old words❞"
    assert isinstance(desk.takes(reaction(["👍"], [])), Declined)
    assert text_of(desk.takes(reaction([], ["👎"]))) == "👎 to ❝old words❞"


def test_a_message_that_vanishes_has_nothing_to_wait_for() -> None:
    """All of them have the number 0."""
    outcome = Desk().takes(edited("new", 5, message_id=0))
    assert isinstance(outcome, Accepted)
    assert outcome.draft.album is None


def test_what_is_late_says_when_it_was_written() -> None:
    """By Telegram's clock, above the words, in the agents' language; within minutes Kit's own time says enough."""
    outcome = read_update(private(text="Where is it?", date=1764500000), CONTEXT).decide(Known())
    assert isinstance(outcome, Accepted)
    draft = outcome.draft
    assert draft.written_at == 1764500000
    assert dated(draft.body, draft.written_at, draft.written_at + LATE - 1, "en") == draft.body
    late = replace(
        outcome, draft=replace(draft, body=dated(draft.body, draft.written_at, draft.written_at + LATE, "de"))
    )
    assert text_of(late) == "🕓 geschrieben 2025-11-30 10:53 UTC\nWhere is it?"
    photo = {"photo": [{"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}], "date": 1764500000}
    outcome = read_update(private(**photo), CONTEXT).decide(Known())
    assert isinstance(outcome, Accepted)
    late = replace(outcome, draft=replace(outcome.draft, body=dated(outcome.draft.body, 1764500000, 1e10, "en")))
    assert text_of(late) == "🕓 written 2025-11-30 10:53 UTC"
    for date in (0, 1, -5):
        outcome = read_update(private(text="hi", date=date), CONTEXT).decide(Known())
        assert isinstance(outcome, Accepted)
        assert outcome.draft.written_at is None
    assert dated("no event", 1.0, 1e9, "en") == "no event"
