"""JSON objects read like python-telegram-bot's, and the other way round. Pure."""

from typing import Any

from telegram import TelegramObject


class Loose:
    """A JSON object whose fields are attributes, None for what it has not, as readers of PTB's objects expect."""

    __slots__ = ("raw",)

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever stands there
        return loose(self.raw.get("from" if name == "from_user" else name))

    def to_dict(self, *, recursive: bool = True) -> dict[str, Any]:  # noqa: ARG002 - as PTB's objects have it
        """The JSON object."""
        return self.raw


def loose(value: object) -> Any:  # noqa: ANN401 - what its readers take for an object of python-telegram-bot's
    """The value, with attributes if it has fields."""
    if isinstance(value, dict):
        return Loose(value)
    return [loose(each) for each in value] if isinstance(value, list | tuple) else value


def raw_of(value: object) -> Any:  # noqa: ANN401 - JSON
    """The JSON that the value was read from."""
    if isinstance(value, Loose | TelegramObject):
        return value.to_dict()
    return [raw_of(each) for each in value] if isinstance(value, list | tuple) else value
