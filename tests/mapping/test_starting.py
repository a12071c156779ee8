"""Telegram's button Start: agents read that it was pressed, and Kit learns where the customer came from."""

from dataclasses import replace
from typing import Any

import pytest
from telegram import Update

from relay.mapping.content.campaigns import code, make_touch, pack
from relay.mapping.to_kit.updates import wants_of
from relay.model import Accepted, Client, Known, Outcome
from tests.mapping.mapped import event_of, mapped, private

SALE = make_touch({("utm", "source"): "instagram", ("utm", "campaign"): "spring-sale"})
SHOES = make_touch(
    {("utm", "source"): "mail", ("page", "url"): "https://shop.example/shoes", ("page", "title"): "Shoes"}
)


def command(text: str, **more: Any) -> dict[str, Any]:
    entity = {"type": "bot_command", "offset": 0, "length": len(text.split(maxsplit=1)[0])}
    return private(text=text, entities=[entity], **more)


def client_after(outcome: Outcome) -> Client:
    assert isinstance(outcome, Accepted)
    assert outcome.client is not None
    return outcome.client


def sent(outcome: Outcome) -> tuple[str | None, dict[str, Any]]:
    """What an agent reads, and where Kit learns that the customer came from."""
    event = event_of(outcome)
    known = event.client_data.model_dump(exclude_none=True, include={"utm", "page"})
    return event.event_data.message.text, known


@pytest.mark.parametrize("text", ["/start", "/start@sandbox_bot", "/START", "/start "])
def test_the_button_alone_is_told_in_words(text: str) -> None:
    """Agents need not know what /start is."""
    assert sent(mapped(command(text))) == ("▶ started the bot", {})


@pytest.mark.parametrize("head", ["/start", "/start@sandbox_bot"])
def test_a_link_of_ours_tells_its_campaign(head: str) -> None:
    """The touch inside of the payload becomes utm and page, and agents read it in words."""
    text, known = sent(mapped(command(f"{head} {pack(SALE)}")))
    assert text == "▶ started the bot by the link spring-sale, instagram"
    assert known == {"utm": {"source": "instagram", "campaign": "spring-sale"}}


def test_a_stored_code_tells_what_the_store_knows_of_it() -> None:
    """Mapping asks for the code, and takes the touch that the store has."""
    raw = command(f"/start {code(SHOES)}")
    assert wants_of(Update.de_json(raw, None)).link == code(SHOES)
    text, known = sent(mapped(raw, Known(touch=SHOES)))
    assert text == "▶ started the bot by the link mail, Shoes"
    assert known == SHOES


@pytest.mark.parametrize("payload", ["spring-sale", "ref_4711", code(SHOES), "u1-damaged"])
def test_a_payload_by_another_hand_is_passed_on_as_it_is(payload: str) -> None:
    """Whoever makes links of their own finds their words as the campaign's."""
    text, known = sent(mapped(command(f"/start {payload}")))
    assert text == f"▶ started the bot by the link {payload}"
    assert known == {"utm": {"campaign": payload}}


def test_the_first_touch_is_kept_and_the_newest_one_is_sent() -> None:
    """Kit gets the newest touch whole, nothing of the first beside it; agents read the first one too."""
    first = client_after(mapped(command(f"/start {pack(SALE)}")))
    assert first.first_touch == SALE
    again = mapped(command(f"/start {code(SHOES)}"), Known(first, touch=SHOES))
    text, known = sent(again)
    assert text == ("▶ started the bot by the link mail, Shoes\n(came first by the link spring-sale, instagram)")
    assert known == SHOES
    later = client_after(again)
    assert later.first_touch == SALE
    for raw in (private(text="hello"), command("/start")):
        assert sent(mapped(raw, Known(later)))[1] == SHOES, "a message without a link changes nothing"
    assert sent(mapped(command(f"/start {pack(SALE)}"), Known(later))) == (
        "▶ started the bot by the link spring-sale, instagram",
        SALE,
    )


@pytest.mark.parametrize(
    "raw",
    [
        command("/start over again, please"),
        command("/start " + "x" * 65),
        command("/starting u1-x"),
        private(text="/start spring-sale"),
        private(text="see /start x", entities=[{"type": "bot_command", "offset": 4, "length": 6}]),
        command("/start x", forward_origin={"type": "hidden_user", "date": 1, "sender_user_name": "Ben"}),
        command("/start x", via_bot={"id": 9, "is_bot": True, "first_name": "Shop"}),
    ],
    ids=lambda raw: str(raw["message"]["text"])[:30],
)
def test_what_only_looks_like_it_stays_a_text(raw: dict[str, Any]) -> None:
    """Words that no link can have made are the customer's."""
    text, known = sent(mapped(raw))
    assert known == {}
    assert text is not None
    assert text.endswith(raw["message"]["text"])


def test_an_edited_start_is_no_second_touch() -> None:
    """Only the button starts."""
    raw = command("/start autumn", edit_date=2)
    raw["edited_message"] = raw.pop("message")
    client = replace(client_after(mapped(private(text="hi"))), first_touch=SALE, profile=dict(SALE))
    assert sent(mapped(raw, Known(client)))[1] == SALE
