"""The look-alike says twice what Telegram says twice, so that nobody finds it out only in the field."""

from relay.sandbox.telegram.server import TelegramLookAlike


async def test_forwards_and_thumbnails_come_with_their_old_names(telegram: TelegramLookAlike) -> None:
    """Beside those of today."""
    anna = telegram.customer(7)
    origin = {"type": "hidden_user", "sender_user_name": "Ben", "date": 5}
    message = anna.sends_raw({**anna.attachment("video"), "forward_origin": origin})["message"]
    assert (message["forward_sender_name"], message["forward_date"]) == ("Ben", 5)
    assert message["video"]["thumb"] == message["video"]["thumbnail"]
    shared = anna.sends_raw({"users_shared": {"request_id": 1, "users": [{"user_id": 9}]}})["message"]
    assert shared["user_shared"] == {"user_id": 9, "request_id": 1}
