"""`python -m tests.docs.what_agents_see` writes docs/what-agents-see.md: what Kit gets of each recorded update."""

import warnings
from pathlib import Path
from typing import Any, Final

from relay.conversion.forms import FORMS
from relay.kit.models import ClientData, ContactItem, Item, LocationItem
from relay.model import Accepted, Declined
from tests.mapping.mapped import NAMES, event_of, mapped, raw_sample

PAGE: Final = Path(__file__).parents[2] / "docs" / "what-agents-see.md"

_HEAD = """# What agents see

What becomes in Kit of each kind of message that a customer can send in a private chat. The left column names a recorded
update in `tests/samples/telegram`; the rest is what the relay made of it, with the extra `media` installed, as it is in
the container. This page is written by
`python -m tests.docs.what_agents_see`, and a test fails when it is not true any more.

| update | text | files, places, contacts | becomes known of the customer |
|---|---|---|---|
"""
_DECLINED = """
## What is not carried to Kit

It is stored, counted and declined for a reason:

| update | reason |
|---|---|
"""


def page() -> str:
    """The whole page, in Markdown."""
    seen, declined = [], []
    for name in NAMES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # python-telegram-bot's own, of its future
            outcome = mapped(raw_sample(name), forms={form.source: form.target for form in FORMS})
        if isinstance(outcome, Declined):
            declined.append(_row(name, _escaped(outcome.reason)))
        elif isinstance(outcome, Accepted):
            event = event_of(outcome)
            message = event.event_data.message
            items = "<br>".join(_item(item) for item in message.payload or [])
            seen.append(_row(name, _escaped(message.text or ""), items, _known(event.client_data)))
    return _HEAD + "".join(seen) + _DECLINED + "".join(declined)


def _item(item: Item) -> str:
    if isinstance(item, LocationItem):
        return f"`location` {_escaped(item.address or '')}"
    if isinstance(item, ContactItem):
        return f"`contact` {_escaped(item.name or '')}, {_escaped(item.number or '')}"
    return f"`{item.type}` {_escaped(item.file_name or '')}"


def _known(client: ClientData) -> str:
    known: dict[str, Any] = {}
    if client.client_phone:
        known["client_phone"] = client.client_phone
    if client.location:
        known["location"] = f"{client.location.latitude}, {client.location.longitude}"
    for part in filter(None, (client.utm, client.page)):
        known |= part.model_dump(exclude_none=True)
    return "<br>".join(f"`{name}` {value}" for name, value in known.items())


def _row(name: str, *cells: str) -> str:
    return f"| {' | '.join((name.replace('_', ' '), *cells))} |\n"


def _escaped(text: str) -> str:
    """Text that stands in a cell as it is."""
    for mark in "\\`*_[]<>|":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("\n", "<br>")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
