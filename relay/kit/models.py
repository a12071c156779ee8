"""What the relay says to Kit, as JSON: strict, as the official client's models have it.

Source: https://voximplant.com/kit/docs/channels/custom. What Kit says is read by `relay.kit.reading`, with tolerance.
`relay.mapping` makes the same JSON without these models, and tests hold it to them: a running relay does not load them.
"""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from relay.kit.limits import MAX_ITEMS, MAX_LINE, MAX_TEXT, MAX_URL, MediaKind, mend


def _mended(value: object) -> object:
    return mend(value) if isinstance(value, str) else value


# What is not known is left out: an empty string is as wrong as a null.
_Line = Annotated[str, BeforeValidator(_mended), Field(min_length=1, max_length=MAX_LINE)]
_Text = Annotated[str, BeforeValidator(_mended), Field(min_length=1, max_length=MAX_TEXT)]
_Url = Annotated[str, BeforeValidator(_mended), Field(min_length=1, max_length=MAX_URL)]
_Id = Annotated[str, BeforeValidator(_mended), Field(min_length=1, max_length=256)]
_Degrees = Annotated[float, Field(allow_inf_nan=False, ge=-360, le=360)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class MediaItem(_Strict):
    """A file that the other side fetches from `file_url`."""

    type: MediaKind
    file_name: _Line | None = None
    file_url: _Url


class LocationItem(_Strict):
    """A point on the map, in degrees."""

    type: Literal["location"] = "location"
    latitude: _Degrees
    longitude: _Degrees
    address: _Line | None = None


class ContactItem(_Strict):
    """A business card. `avatar` is a URL."""

    type: Literal["contact"] = "contact"
    name: _Line | None = None
    number: _Line | None = None
    avatar: _Url | None = None


Item = MediaItem | LocationItem | ContactItem


class Utm(_Strict):
    """Where the customer came from, in the words of the campaign."""

    source: _Line | None = None
    campaign: _Line | None = None
    content: _Line | None = None
    medium: _Line | None = None
    term: _Line | None = None


class Page(_Strict):
    """The web page that the customer came from."""

    url: _Url | None = None
    title: _Line | None = None


class Location(_Strict):
    """Where the customer is, as far as known. Degrees."""

    latitude: _Degrees | None = None
    longitude: _Degrees | None = None
    country: _Line | None = None
    country_code: _Line | None = None
    region: _Line | None = None
    region_code: _Line | None = None
    city: _Line | None = None
    ip_address: _Line | None = None


class Device(_Strict):
    """What the customer writes on."""

    type: _Line | None = None
    model: _Line | None = None
    user_agent: _Line | None = None


class ClientData(_Strict):
    """The customer. Sent whole each time; what is unknown is left out, never null or empty."""

    client_id: _Id
    client_phone: _Line | None = None
    client_avatar: _Url | None = None
    client_display_name: _Line | None = None
    client_email: _Line | None = None
    client_language: _Line | None = None
    utm: Utm | None = None
    page: Page | None = None
    location: Location | None = None
    device: Device | None = None


class OutgoingMessage(_Strict):
    """A customer's message. Refuses to be empty: it has words, or at least one payload item."""

    message_id: _Id
    text: _Text | None = None
    payload: Annotated[list[Annotated[Item, Field(discriminator="type")]], Field(max_length=MAX_ITEMS)] | None = None

    @model_validator(mode="after")
    def _has_content(self) -> Self:
        if not self.payload and not (self.text or "").strip():
            raise ValueError("a message needs text or payload")
        return self


class OutgoingData(_Strict):
    """The `event_data` of a `SendEvent`."""

    message: OutgoingMessage


class SendEvent(_Strict):
    """The one event that Kit takes from a channel."""

    client_data: ClientData
    event_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]
    event_type: Literal["send_message"] = "send_message"
    event_data: OutgoingData

    def to_json(self) -> str:
        """The request body. Unset fields are left out: Kit's own client never sends null."""
        return self.model_dump_json(exclude_none=True)
