"""Where everybody can see what a public chat has posted: https://core.telegram.org/api/links. Pure."""

import re
from typing import Final

from telegram import Chat, Story

from relay.mapping.text.language import say
from relay.mapping.text.people import name_of
from relay.mapping.text.text import clean
from relay.model import is_id

_USERNAME: Final = re.compile(r"\w{3,32}", re.ASCII)


def link_to_post(chat: Chat | None, number: object, *, kind: str = "") -> str:
    """The address of a post in a public chat; "" of any other. A story's has `s/` in it, its `kind`."""
    username = clean(getattr(chat, "username", None))
    if not _USERNAME.fullmatch(username) or not is_id(number) or number <= 0:
        return ""
    return f"https://t.me/{username}/{kind}{number}"


def name_story(story: Story) -> str:
    """Whose story it is, and its address."""
    return with_link(name_of(story.chat), link_to_post(story.chat, story.id, kind="s/"))


def with_link(line: str, link: str) -> str:
    """The line, and the address behind it if there is one."""
    return say("link", label=line, target=link) if line and link else line or link
