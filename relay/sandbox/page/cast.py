"""The customers of the demo: where they come from, and what they look like."""

from dataclasses import dataclass
from typing import Any, Final

from relay.sandbox.page.samples import sample
from relay.sandbox.telegram.server import TelegramLookAlike


@dataclass(frozen=True, slots=True)
class Person:
    """One customer."""

    id: int
    first_name: str
    last_name: str
    language: str
    phone: str
    payload: str  #: Of the link through which they came, as `relay link` makes it; "" for none.
    portrait: str  #: The sample that is their profile photo; "" for none.

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}".strip()

    def card(self) -> dict[str, Any]:
        """What the page's list of customers shows."""
        portrait = f"/samples/{self.portrait}" if self.portrait else ""
        return {"id": self.id, "name": self.name, "language": self.language, "avatar": portrait}


CAST: Final = (
    Person(107804195, "Anna", "Weber", "de", "+4930901820", "", "anna.jpg"),
    Person(208114733, "João", "Silva", "pt", "+351210120", "u1-BWluc3RhZ3JhbR9zcHJpbmfMaw", "joao.jpg"),
    Person(309226841, "Мария", "Иванова", "ru", "+79161234567", "", "maria.jpg"),
    Person(410338957, "Lucía", "Fernández", "es", "+34910123456", "u1-QW5ld3NsZXR0ZXIfUHJpY2Vzvi4", ""),
)


#: What the page's deep link carries, as `relay link --source instagram --campaign spring` makes it.
LINKED: Final = CAST[1].payload


def deep_link(telegram: TelegramLookAlike) -> str:
    """A link to the look-alike's bot that says where the customer came from."""
    return f"https://t.me/{telegram.bot['username']}?start={LINKED}"


def gather(telegram: TelegramLookAlike) -> None:
    """Make them customers of the look-alike."""
    for person in CAST:
        customer = telegram.customer(
            person.id, first_name=person.first_name, last_name=person.last_name, language_code=person.language
        )
        if person.portrait:
            customer.wears_photo(sample(person.portrait).data)


def person(user_id: int) -> Person | None:
    """The one with this id."""
    return next((one for one in CAST if one.id == user_id), None)
