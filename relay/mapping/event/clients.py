"""Who a customer is: the client id, where they are answered, and what Kit is told of them each time. Pure."""

from collections.abc import Mapping
from typing import Any

from telegram import Chat, User

from relay.mapping.content.content import Content
from relay.mapping.text.language import say
from relay.mapping.text.people import language_of, name_of, phone_number
from relay.model import Address, Client, value


@value(frozen=True, slots=True)
class Sender:
    """Who wrote, as they show themselves."""

    name: str  #: Never blank.
    language: str  #: As Telegram names it; "" if it does not.


def sender_of(somebody: User | Chat) -> Sender:
    """A user, or the chat that stands in their place. Who has no name is named in the language that is spoken."""
    return Sender(name_of(somebody) or say("nameless"), language_of(getattr(somebody, "language_code", None)))


def meet(
    client_id: str, address: Address, sender: Sender, known: Client | None, content: Content | None = None
) -> Client:
    """The client as they are after they wrote: what they show now, and what they told before."""
    before = known or Client(client_id, address)
    touch = content.touch if content is not None else {}
    profile = {**before.profile}
    if touch:  # it is told whole: the page of one campaign beside the source of another would be of neither
        profile.pop("utm", None)
        profile.pop("page", None)
    profile |= _shown(sender, content)
    profile |= touch
    # Spelt out: to ask a dataclass for its fields, as `replace` does, costs six times as much.
    return Client(
        before.client_id,
        address,
        open=True,
        unreachable=None,
        unreachable_told=False,
        language=sender.language or before.language,
        profile=profile,
        first_touch=before.first_touch or touch,
        avatar=before.avatar,
        loss_told=before.loss_told and before.open,
        flood_told=before.flood_told,
    )


def client_data(client: Client, public_url: str) -> dict[str, Any]:
    """Kit's `client_data`: sent whole each time, what is unknown is left out."""
    picture = {} if client.avatar is None else {"client_avatar": f"{public_url}/media/{client.avatar}"}
    return {"client_id": client.client_id, **client.profile, **picture}


def _shown(sender: Sender, content: Content | None) -> Mapping[str, Any]:
    data: dict[str, Any] = {"client_display_name": sender.name}
    if sender.language:
        data["client_language"] = sender.language
    if content is not None and content.phone:
        data["client_phone"] = phone_number(content.phone)
    if content is not None and (position := content.position) is not None:
        data["location"] = {"latitude": position.latitude, "longitude": position.longitude}
    return data
