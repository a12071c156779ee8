"""What Kit is told of a customer, message after message."""

from dataclasses import fields, replace
from typing import Any

from relay.model import Address, Client, Known
from tests.mapping.mapped import event_of, mapped, private
from tests.mapping.test_starting import client_after


def from_ann(language: str | None, **content: Any) -> dict[str, Any]:
    raw = private(**content)
    if language is not None:
        raw["message"]["from"]["language_code"] = language
    return raw


def test_what_a_customer_told_once_is_told_to_kit_each_time() -> None:
    """The newest position and language, the number, and Telegram's own code of the language; a name that changed."""
    point = {"latitude": 52.52, "longitude": 13.405}
    own = {"phone_number": "+4930123456", "first_name": "Ann", "user_id": 7}
    first = client_after(mapped(from_ann("pt-br", location={"latitude": 1.0, "longitude": 2.0})))
    second = client_after(mapped(from_ann(None, location=point), Known(first)))
    third = client_after(mapped(from_ann(None, contact=own), Known(second)))
    renamed = from_ann("de", text="hello")
    renamed["message"]["from"] |= {"first_name": "", "username": "ann"}
    data = event_of(mapped(renamed, Known(third))).client_data.model_dump(exclude_none=True)
    assert data == {
        "client_id": "7",
        "client_display_name": "@ann",
        "client_language": "de",
        "client_phone": "+4930123456",
        "location": point,
    }
    assert (first.language, second.language) == ("pt-br", "pt-br")


def test_the_picture_is_a_link_of_ours() -> None:
    """Under the public URL as it is now, so that a relay that moved tells no old address."""
    ann = client_after(mapped(private(text="hi")))
    known = Known(replace(ann, avatar="capability/photo-1a2b3c4d.jpg"))
    for url in ("https://relay.example", "https://moved.example"):
        data = event_of(mapped(private(text="hi"), known, public_url=url)).client_data
        assert data.client_avatar == f"{url}/media/capability/photo-1a2b3c4d.jpg"
    assert event_of(mapped(private(text="hi"), Known(ann))).client_data.client_avatar is None


def test_what_was_told_in_one_conversation_is_not_told_in_the_next() -> None:
    """That something was lost is forgotten when the customer writes after the end."""
    told = replace(client_after(mapped(private(text="hi"))), loss_told=True)
    assert client_after(mapped(private(text="again"), Known(told))).loss_told
    assert not client_after(mapped(private(text="new"), Known(replace(told, open=False)))).loss_told


def test_what_is_not_shown_anew_stays() -> None:
    """Whatever else the relay remembers of a customer is theirs after the next message, too."""
    ann, blank = client_after(mapped(from_ann("de", text="hi"))), Client("", Address(0))
    told = replace(ann, first_touch={"utm": "a"}, avatar="b", loss_told=True, flood_told=True)
    assert client_after(mapped(from_ann("de", text="again"), Known(told))) == told
    gone = replace(told, open=False, unreachable="away", unreachable_told=True)
    assert client_after(mapped(from_ann("de", text="new"), Known(gone))) == replace(told, loss_told=False)
    each = [field.name for field in fields(Client)]
    assert all(getattr(gone, name) != getattr(blank, name) for name in each), "nothing is left out here"


def test_an_edit_does_not_move_the_answers() -> None:
    """They go into the thread that the customer wrote in last, whatever they correct in another one."""
    orders, returns = (private(text="hi", message_thread_id=number, is_topic_message=True) for number in (5, 6))
    wrote = client_after(mapped(returns))
    edit = {"update_id": 9, "edited_message": {**orders["message"], "text": "hi!", "edit_date": 2_000_000_000}}
    assert client_after(mapped(edit, Known(wrote))).address.message_thread_id == 6
    assert client_after(mapped(edit)).address.message_thread_id == 5
