"""Albums become one message, whatever order their items come in."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.kit.limits import MAX_ITEMS, MAX_TEXT
from relay.kit.models import MediaItem, SendEvent
from relay.model import Accepted, Album, Known
from tests.mapping.mapped import event_of, mapped, private


def item(number: int, caption: str | None = None, **more: Any) -> dict[str, Any]:
    """The update of one item of an album, whose message has this number."""
    photo = [{"file_id": f"f{number}", "file_unique_id": f"u{number}", "width": 1, "height": 1}]
    words = {} if caption is None else {"caption": caption}
    raw = private(message_id=number, media_group_id="g", photo=photo, **words, **more)
    return {**raw, "update_id": 1000 + number}


def together(updates: Iterable[dict[str, Any]], album: Album | None = None) -> list[Accepted]:
    """What becomes of each of them when all come while the album waits."""
    outcomes = []
    for raw in updates:
        outcome = mapped(raw, Known(album=album))
        assert isinstance(outcome, Accepted)
        album = Album(outcome.draft.parts)
        outcomes.append(outcome)
    return outcomes


def names(event: SendEvent) -> list[str | None]:
    return [part.file_name for part in event.event_data.message.payload or [] if isinstance(part, MediaItem)]


@given(order=st.permutations(range(3, 8)))
def test_all_items_and_all_words_in_the_order_of_the_messages(order: Sequence[int]) -> None:
    """Whatever order they come in: one event, always under the ids of the first that came."""
    outcomes = together(item(number, f"words {number}" if number % 2 else None) for number in order)
    first, last = event_of(outcomes[0]), event_of(outcomes[-1])
    assert last.event_data.message.text == "words 3\nwords 5\nwords 7"
    assert names(last) == [f"photo 1970-01-01 00.00 ({number}).jpg" for number in range(3, 8)]
    assert (last.event_id, last.event_data.message.message_id) == (first.event_id, str(order[0]))
    assert {outcome.draft.album for outcome in outcomes} == {"g"}


def test_each_item_brings_its_own_file_and_is_remembered_by_itself() -> None:
    """Capabilities and words are written with the item's own update, once."""
    outcomes = together([item(3, "first"), item(4)])
    assert [[media.file_id for media in outcome.media] for outcome in outcomes] == [["f3"], ["f4"]]
    assert [said.text for outcome in outcomes for said in outcome.said] == [
        "first",
        "[photo] photo 1970-01-01 00.00 (4).jpg",
    ]


def test_what_all_items_refer_to_is_said_once() -> None:
    """A forwarded album is forwarded from one chat."""
    origin = {"type": "hidden_user", "sender_user_name": "Ben", "date": 1}
    outcomes = together([item(3, "a", forward_origin=origin), item(4, "b", forward_origin=origin)])
    assert event_of(outcomes[-1]).event_data.message.text == "↪ from Ben\na\nb"


def test_siblings_that_come_late_follow_as_a_continuation() -> None:
    """Once the album has left, another event says that it goes on; and later ones join that."""
    first = event_of(together([item(3, "a")])[0])
    late = [event_of(outcome) for outcome in together([item(5, "c"), item(4, "b")], Album(None))]
    assert late[0].event_data.message.text == "(album, continued)\nc"
    assert late[1].event_data.message.text == "(album, continued)\nb\nc"
    assert names(late[1]) == [f"photo 1970-01-01 00.00 ({number}).jpg" for number in (4, 5)]
    assert len({first.event_id, late[0].event_id, late[1].event_id}) == 2


@pytest.mark.parametrize(
    "updates",
    [
        [item(number) for number in range(3, MAX_ITEMS + 4)],
        [item(number, "x" * 1024) for number in range(3, MAX_TEXT // 1024 + 4)],
    ],
    ids=["items", "words"],
)
def test_what_kit_would_not_take_in_one_message_follows_in_another(updates: list[dict[str, Any]]) -> None:
    """The last that doesn't fit goes by itself and waits for nobody; the album stays as it was."""
    outcomes = together(updates)
    assert outcomes[-1].draft.album is None
    assert (event_of(outcomes[-1]).event_data.message.text or "").startswith("(album, continued)")
    assert len(names(event_of(outcomes[-2]))) == len(updates) - 1
    assert len(names(event_of(outcomes[-1]))) == 1


def test_an_edited_item_is_an_edit() -> None:
    """It joins no album: Kit has had the album, or will have it before. It waits for edits of its own."""
    raw = item(3, "new", edit_date=2)
    outcome = mapped({"update_id": 5, "edited_message": raw["message"]}, Known(album=Album(None)))
    assert event_of(outcome).event_data.message.text == "✏️ new"
    assert isinstance(outcome, Accepted)
    assert outcome.draft.album == "edit of 3"
