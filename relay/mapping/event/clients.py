"""Who a customer is: the client id, where they are answered, and what Kit is told of them each time. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from relay.mapping.content.content import Content
from relay.mapping.text.language import say
from relay.mapping.text.people import language_of, name_of, phone_number
from relay.model import Address, Client


class Sender(Protocol):
    """Who wrote: a User, a Chat in its place, or what `plain` reads."""

    @property
    def id(self) -> int: ...  # noqa: D102 - the names say it
    @property
    def first_name(self) -> str | None: ...  # noqa: D102
    @property
    def last_name(self) -> str | None: ...  # noqa: D102
    @property
    def username(self) -> str | None: ...  # noqa: D102


def meet(
    client_id: str, address: Address, sender: Sender, known: Client | None, content: Content | None = None
) -> Client:
    """The client as they are after they wrote: what they show now, and what they told before."""
    before = known or Client(client_id, address)
    shown = _shown(sender, content)
    language = shown.get("client_language", before.language)
    touch = content.touch if content is not None else {}
    # The newest touch is told whole: the page of one campaign beside the source of another would be of neither.
    kept = {name: value for name, value in before.profile.items() if not touch or name not in {"utm", "page"}}
    return replace(
        before,
        address=address,
        open=True,
        unreachable=None,
        language=language,
        profile={**kept, **shown, **touch},
        first_touch=before.first_touch or touch,
        unreachable_told=False,
        loss_told=before.loss_told and before.open,
    )


def client_data(client: Client, public_url: str) -> dict[str, Any]:
    """Kit's `client_data`: sent whole each time, what is unknown is left out."""
    picture = {} if client.avatar is None else {"client_avatar": f"{public_url}/media/{client.avatar}"}
    return {"client_id": client.client_id, **client.profile, **picture}


def _shown(sender: Sender, content: Content | None) -> Mapping[str, Any]:
    data: dict[str, Any] = {"client_display_name": name_of(sender) or say("nameless")}
    if spoken := language_of(getattr(sender, "language_code", None)):
        data["client_language"] = spoken
    if content is not None and content.phone:
        data["client_phone"] = phone_number(content.phone)
    if content is not None and (position := content.position) is not None:
        data["location"] = {"latitude": position.latitude, "longitude": position.longitude}
    return data
