"""`python -m tests.docs.what_agents_see` writes docs/what-agents-see.md: what Kit gets of each recorded update."""

import warnings
from pathlib import Path
from typing import Any, Final

from relay.kit.models import ClientData, ContactItem, Item, LocationItem
from relay.media.conversion.forms import FORMS
from relay.model import Accepted, Declined
from relay.steps import LeaveChat, load_steps
from tests.mapping.mapped import NAMES, event_of, mapped_sample

PAGE: Final = Path(__file__).parents[2] / "docs" / "what-agents-see.md"

_HEAD = """# What agents see

What becomes in Kit of each kind of thing that a customer can send: in a private chat with the bot, to a Business
account, or in a channel's direct messages. The left column names a recorded update in `tests/samples/telegram`; the
rest is what the relay made of it, where that matters with an open conversation before it, and with the extra `media`
installed, as it is in the container. A test fails when a kind of content or of update has no row, but for content that
only a group or channel can hold; should that come all the same, agents read its name in brackets. This page is made by
`python -m tests.docs.what_agents_see`, and a test fails when it is not true any more.

| update | text | files, places, contacts | becomes known of the customer |
|---|---|---|---|
"""
_LEFT = """
## What the bot leaves

Groups and channels are no customers. The bot leaves them, and says this before it goes:

| update | words |
|---|---|
"""
_DECLINED = """
## What is not carried to Kit

It is stored, counted and declined for a reason:

| update | reason |
|---|---|
"""


def page() -> str:
    """The whole page, in Markdown."""
    seen, left, declined = [], [], []
    for name in NAMES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # python-telegram-bot's own, of its future
            outcome = mapped_sample(name, forms={form.source: form.target for form in FORMS})
        if isinstance(outcome, Declined):
            declined.append(_row(name, _escaped(outcome.reason)))
        elif isinstance(outcome, Accepted) and outcome.draft.direction == "to_telegram":
            steps = load_steps(outcome.draft.body)
            left.append(_row(name, *(_escaped(step.words or "") for step in steps if isinstance(step, LeaveChat))))
        elif isinstance(outcome, Accepted):
            event = event_of(outcome)
            message = event.event_data.message
            items = "<br>".join(_item(item) for item in message.payload or [])
            seen.append(_row(name, _escaped(message.text or ""), items, _known(event.client_data)))
    return "".join([_HEAD, *seen, _LEFT, *left, _DECLINED, *declined])


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
