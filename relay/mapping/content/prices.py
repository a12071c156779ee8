"""Prices in words: `12.90 EUR`, `50 ⭐`. Pure.

The Bot API gives amounts in the smallest units of a currency, and how many of these make a whole in a list of its own:
`exp` in https://core.telegram.org/bots/payments/currencies.json.
"""

from typing import Final

from telegram import SuggestedPostInfo, SuggestedPostPaid, SuggestedPostPrice

from relay.mapping.content.files import count
from relay.mapping.text.language import say
from relay.mapping.text.text import clean

_STARS: Final = "XTR"  #: Telegram's currency code of its own stars, which have no smaller unit.
_USUAL: Final = 2  #: Decimals.
#: Of the other currencies. Toncoins are given in billionths, and people write those that count.
_DECIMALS: Final = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(), 0),  # noqa: SIM905 - codes
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),  # noqa: SIM905 - codes
    "TON": 9,
}
_LONGEST_CODE: Final = 8  #: Characters; currencies have three.


def price(currency: object, amount: object) -> str:
    """The amount, which is in smallest units, and its currency; "" for nothing."""
    if currency == _STARS:
        return stars(amount)
    code, units = clean(currency).strip()[:_LONGEST_CODE], count(amount)
    if not code or not units:
        return ""
    return say("price", amount=_decimal(units, _DECIMALS.get(code, _USUAL)), currency=code)


def stars(amount: object) -> str:
    """A price in Telegram's stars; "" for none."""
    return say("stars", count=count(amount)) if count(amount) else ""


def offered(post: SuggestedPostPrice | None) -> str:
    """What is offered for a suggested post."""
    return price(post.currency, post.amount) if post is not None else ""


def paid(post: SuggestedPostPaid) -> str:
    """What was paid for a suggested post: stars stand in a field of their own."""
    return stars(post.star_amount.amount) if post.star_amount is not None else price(post.currency, post.amount)


def suggested(post: SuggestedPostInfo) -> str:
    """What is offered with a message that suggests a post."""
    return offered(post.price)


def _decimal(units: int, decimals: int) -> str:
    if not decimals:
        return str(units)
    whole, rest = divmod(units, 10**decimals)
    shown = f"{rest:0{decimals}d}"
    if decimals > 3:  # coins, not money with cents
        shown = shown.rstrip("0")
    return f"{whole}{say('language.decimal_point')}{shown}" if shown else str(whole)
