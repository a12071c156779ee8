"""What was paid, or is asked, as people write it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mapping.content.prices import price
from relay.mapping.text.language import speaking
from tests.mapping.mapped import TALKING, event_of, mapped, private
from tests.mapping.raw_updates import ODD

OFFER = {"currency": "TON", "amount": 1_500_000_000}
CHARGES = {"invoice_payload": "5", "telegram_payment_charge_id": "t", "provider_payment_charge_id": "p"}


@pytest.mark.parametrize(
    ("currency", "amount", "words"),
    [
        ("EUR", 1290, "12.90 EUR"),
        ("USD", 5, "0.05 USD"),
        ("RUB", 100_000_000, "1000000.00 RUB"),
        ("JPY", 1290, "1290 JPY"),
        ("VND", 50_000, "50000 VND"),
        ("IQD", 1290, "1.290 IQD"),
        ("TON", 1_500_000_000, "1.5 TON"),
        ("TON", 2_000_000_000, "2 TON"),
        ("TON", 10, "0.00000001 TON"),
        ("XTR", 50, "50 ⭐"),
        ("EUR", 0, ""),
        ("EUR", -5, ""),
        ("XTR", None, ""),
        ("", 5, ""),
        (None, 5, ""),
    ],
)
def test_an_amount_has_its_currencys_decimals(currency: Any, amount: Any, words: str) -> None:
    """Two, unless Telegram's list says otherwise; of nothing there are no words."""
    assert price(currency, amount) == words


def test_the_decimal_point_is_the_languages() -> None:
    """A German agent reads a comma."""
    with speaking("de"):
        assert price("EUR", 1290) == "12,90 EUR"


@given(currency=ODD | st.sampled_from(["EUR", "JPY", "TON"]), amount=ODD)
def test_any_price_can_be_read(currency: object, amount: object) -> None:
    """Whatever JSON it is, the answer is text that can be stored."""
    assert "\0" not in price(currency, amount).encode().decode()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"successful_payment": {"currency": "EUR", "total_amount": 1290, **CHARGES}}, "[payment] 12.90 EUR"),
        ({"refunded_payment": {"currency": "JPY", "total_amount": 1290, **CHARGES}}, "[payment refunded] 1290 JPY"),
        ({"suggested_post_approved": {"send_date": 1, "price": OFFER}}, "[suggested post approved] 1.5 TON"),
        ({"suggested_post_approved": {"send_date": 1}}, "[suggested post approved]"),
        ({"suggested_post_approval_failed": {"price": OFFER}}, "[suggested post approval failed] 1.5 TON"),
        ({"suggested_post_paid": OFFER}, "[suggested post paid] 1.5 TON"),
        ({"suggested_post_paid": {"currency": "XTR", "star_amount": {"amount": 50}}}, "[suggested post paid] 50 ⭐"),
        (
            {"text": "My ad", "suggested_post_info": {"state": "pending", "price": OFFER}},
            "[suggested post] 1.5 TON\nMy ad",
        ),
        ({"text": "My ad", "suggested_post_info": {"state": "pending"}}, "[suggested post]\nMy ad"),
        ({"forum_topic_edited": {"name": "Returns"}}, "[topic renamed] Returns"),
        ({"forum_topic_edited": {"icon_custom_emoji_id": "5"}}, "[topic changed]"),
    ],
)
def test_agents_read_it(content: dict[str, Any], text: str) -> None:
    """In payments, refunds and suggested posts; and a thread of which only the icon changed is not called renamed."""
    assert event_of(mapped(private(**content), TALKING)).event_data.message.text == text
