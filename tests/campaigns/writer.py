"""A customer who writes at random: every kind of content, answered, quoted, forwarded, edited, in every place.

Whatever an agent must see is noted beside it: words, and files by their ids.
"""

import copy
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Any, Final

from relay.mapping.content.kinds import CIRCUMSTANCES, HAPPENINGS
from relay.mapping.to_kit.bare import FRAME
from relay.sandbox.telegram.old_fields import OLD_FIELDS
from tests.mapping.mapped import NAMES, raw_sample

Json = dict[str, Any]

ANN: Final = {"id": 7, "first_name": "Ann"}
NEWS: Final = {"id": -1009, "title": "News", "username": "news", "type": "channel"}
BEN: Final = {"id": 9, "is_bot": False, "first_name": "Ben", "last_name": "Ott"}
FEEDBACK: Final = {"id": -1002345678901, "title": "Fair", "type": "supergroup", "is_forum": True}
#: Where a forward comes from, and what an agent reads of it.
ORIGINS: Final[tuple[tuple[Json, tuple[str, ...]], ...]] = (
    ({"type": "user", "sender_user": BEN, "date": 1}, ("Ben Ott",)),
    ({"type": "hidden_user", "sender_user_name": "Carl", "date": 1}, ("Carl",)),
    (
        {"type": "chat", "sender_chat": {**NEWS, "type": "supergroup"}, "author_signature": "Dora", "date": 1},
        ("News", "Dora"),
    ),
    ({"type": "channel", "chat": NEWS, "message_id": 4, "date": 1}, ("News", "https://t.me/news/4")),
)
#: Fields of a sample's message under which a person's words stand.
_WORDS: Final = frozenset(
    {
        *("text", "caption", "title", "description", "comment", "option_text", "question", "name", "web_app_name"),
        *("prize_description", "button_text", "base_name", "explanation", "credit"),
    }
)
#: Of samples, what is no word of this message: what was said before it, and names that only decorate.
_NOT_SAID: Final = frozenset(
    {
        *("checklist_message", "poll_message", "suggested_post_message", "gift_message", "giveaway_message"),
        *("pinned_message", "reply_to_message", "thumbnail", "cover", "qualities", "symbol", "backdrop", "model"),
        *("colors", "chat", "from", "chats", "winners", "users", "set_name", "bot", "new_owner", "publisher_chat"),
    }
)
_OWN: Final = frozenset({*FRAME, *CIRCUMSTANCES, *OLD_FIELDS, "from", "external_reply", "edit_date"})


def _contents_of_samples() -> Iterator[tuple[str, Json]]:
    """What each recorded message of a customer holds."""
    for name in NAMES:
        message = raw_sample(name).get("message", {})
        content = {field: value for field, value in message.items() if field not in _OWN}
        chat = message.get("chat", {})
        if content and "text" not in content and (chat.get("type") == "private" or "direct_messages_topic" in message):
            yield name, content


SAMPLES: Final = dict(_contents_of_samples())


class Writer:
    """Makes contents and messages, each with the words and the files that must arrive."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)  # noqa: S311 - no secret
        self.numbers = count(1)
        self.words: list[str] = []
        self.files: list[str] = []

    def word(self) -> str:
        """A word that must arrive."""
        self.words.append(f"Wort{next(self.numbers)}")
        return self.words[-1]

    def chance(self, share: float) -> bool:
        return self.dice.random() < share

    def file_id(self) -> str:
        """A file that must arrive."""
        self.files.append(f"file{next(self.numbers)}")
        return self.files[-1]

    def unseen(self) -> Json:
        """A file that shows another one, and must not arrive."""
        number = next(self.numbers)
        return {"file_id": f"preview{number}", "file_unique_id": f"p{number}", "width": 90, "height": 90}

    def medium(self, kind: str) -> Any:
        """A medium of this kind, with what stands beside it."""
        name = self.file_id()
        ids = {"file_id": name, "file_unique_id": f"u{name}", "file_size": self.dice.choice([1, 10**6, 19 * 2**20])}
        if kind == "photo":
            return [{**self.unseen()}, {**ids, "width": 1280, "height": 1280}]
        sized = {**ids, "width": 640, "height": 640, "length": 640, "duration": 1}
        if self.chance(0.5):
            sized["thumbnail"] = self.unseen()
        if kind == "video" and self.chance(0.3):
            sized["cover"] = [self.unseen()]
            sized["qualities"] = [{**self.unseen(), "codec": "av01"}]
        if kind == "sticker":
            return {
                **sized,
                "type": "regular",
                "is_animated": False,
                "is_video": self.chance(0.5),
                "emoji": self.word(),
            }
        if kind in {"document", "animation", "audio"} and self.chance(0.6):
            sized["file_name"] = f"a {name}.{self.dice.choice(['pdf', 'mp4', 'mp3', 'heic'])}"
        return sized

    def formatted(self) -> tuple[str, list[Json]]:
        """Words, some of them behind emoji, with entities on them whose targets must be read too."""
        text, entities = "", []
        for _ in range(self.dice.randint(1, 4)):
            word = self.word()
            text += self.dice.choice(["", "😀 ", "привет ", "👨‍👩‍👧 "])
            place = {"offset": len(text.encode("utf-16-le")) // 2, "length": len(word)}
            text += f"{word} "
            if (entity := self.entity()) is not None:
                entities.append({**place, **entity})
        return text.rstrip(), entities

    def entity(self) -> Json | None:
        kind = self.dice.choice(
            [
                None,
                "bold",
                "italic",
                "spoiler",
                "code",
                "pre",
                "blockquote",
                "text_link",
                "text_mention",
                "custom_emoji",
                "new",
            ]
        )
        if kind == "text_link":
            return {"type": kind, "url": f"https://x.example/{self.word()}"}
        if kind == "text_mention":
            return {"type": kind, "user": {**BEN, "first_name": self.word()}}
        more = {"custom_emoji_id": "5"} if kind == "custom_emoji" else {}
        return None if kind is None else {"type": kind, **more}

    def caption(self) -> Json:
        text, entities = self.formatted()
        return {"caption": text, "caption_entities": entities}

    def content(self) -> Json:
        """One kind of content, of those made here or of a sample's."""
        if self.chance(0.3):
            return self.sampled(SAMPLES[self.dice.choice(sorted(SAMPLES))])
        return self.dice.choice(CONTENTS)(self)

    def sampled(self, content: Json) -> Json:
        """A recorded content with other words and files."""
        written: Json = self._refilled(content)
        return written

    def _refilled(self, node: Any) -> Any:
        if isinstance(node, list):
            if node and all(isinstance(each, dict) and {"file_id", "width"} <= each.keys() for each in node):
                return self.medium("photo")
            return [self._refilled(each) for each in node]
        if not isinstance(node, dict):
            return node
        unsaid = {"name"} if "base_name" in node else set()  # a gift's name is its address
        filled = {
            name: value if name in unsaid else self._field(name, value)
            for name, value in node.items()
            if not name.endswith("entities")
        }
        if "file_id" in filled:
            filled |= {"file_id": self.file_id(), "file_unique_id": f"u{self.files[-1]}", "file_size": 5}
        return filled

    def _field(self, name: str, value: Any) -> Any:
        if name in _NOT_SAID:
            return copy.deepcopy(value)
        return self.word() if name in _WORDS and isinstance(value, str) else self._refilled(value)


def _with_caption(kind: str) -> Callable[[Writer], Json]:
    def make(writer: Writer) -> Json:
        return {kind: writer.medium(kind), **(writer.caption() if writer.chance(0.6) else {})}

    return make


def _text(writer: Writer) -> Json:
    text, entities = writer.formatted()
    return {"text": text, "entities": entities}


def _bare_text(writer: Writer) -> Json:
    return {"text": writer.word()}


def _live_photo(writer: Writer) -> Json:
    return {"live_photo": {**writer.medium("video"), "photo": writer.medium("photo")}, **writer.caption()}


def _music(writer: Writer) -> Json:
    return {"audio": {**writer.medium("audio"), "performer": writer.word(), "title": writer.word()}}


def _paid(writer: Writer) -> Json:
    parts = [
        {"type": "photo", "photo": writer.medium("photo")},
        {"type": "preview", "width": 9, "height": 9},
        {"type": "video", "video": writer.medium("video")},
        {"type": "live_photo", "live_photo": writer.medium("video")},
    ]
    return {"paid_media": {"star_count": 5, "paid_media": parts}, **writer.caption()}


def _option(writer: Writer, beside: Json) -> Json:
    return {"persistent_id": str(next(writer.numbers)), "text": writer.word(), "voter_count": 0, "media": beside}


def _poll(writer: Writer) -> Json:
    venue = {"location": {"latitude": 1.5, "longitude": 2.5}, "title": writer.word(), "address": writer.word()}
    options = [
        _option(writer, {"photo": writer.medium("photo")}),
        _option(writer, {"venue": venue}),
        _option(writer, {"link": {"url": f"https://x.example/{writer.word()}"}}),
        _option(writer, {"sticker": writer.medium("sticker")}),
    ]
    words = {"question": writer.word(), "description": writer.word(), "explanation": writer.word()}
    kind = writer.dice.choice(["quiz", "regular"])
    return {"poll": {"id": "1", "type": kind, "options": options, "media": {"video": writer.medium("video")}, **words}}


def _rich(writer: Writer) -> Json:
    item = {
        "label": "1",
        "has_checkbox": True,
        "is_checked": True,
        "blocks": [{"type": "paragraph", "text": writer.word()}],
    }
    blocks = [
        {"type": "heading", "text": writer.word(), "size": 1},
        {"type": "paragraph", "text": [writer.word(), {"type": "bold", "text": writer.word()}]},
        {
            "type": "paragraph",
            "text": {"type": "url", "text": writer.word(), "url": f"https://x.example/{writer.word()}"},
        },
        {"type": "list", "items": [item]},
        {"type": "table", "cells": [[{"text": writer.word()}, {"text": [writer.word()]}]]},
        {"type": "photo", "photo": writer.medium("photo"), "caption": {"text": writer.word(), "credit": writer.word()}},
        {"type": "video", "video": writer.medium("video")},
        {"type": "voice_note", "voice_note": writer.medium("voice")},
        {"type": "document", "document": writer.medium("document")},
        {"type": "blockquote", "blocks": [{"type": "paragraph", "text": writer.word()}], "credit": writer.word()},
        {"type": "details", "summary": writer.word(), "blocks": [{"type": "audio", "audio": writer.medium("audio")}]},
    ]
    writer.dice.shuffle(blocks)
    return {"rich_message": {"blocks": blocks}, **(_bare_text(writer) if writer.chance(0.3) else {})}


def _new(writer: Writer) -> Json:
    return {"hologram": {"title": writer.word(), "film": writer.medium("video"), "pages": [writer.medium("document")]}}


def _new_beside(writer: Writer) -> Json:
    kind = writer.dice.choice(["photo", "voice", "document", "sticker"])
    return {kind: writer.medium(kind), "hologram": {"text": writer.word(), "scan": writer.medium("document")}}


def _game(writer: Writer) -> Json:
    words = {"title": writer.word(), "description": writer.word(), "text": writer.word()}
    return {"game": {**words, "photo": writer.medium("photo"), "animation": writer.medium("animation")}}


def _contact(writer: Writer) -> Json:
    card = f"BEGIN:VCARD\nVERSION:3.0\nFN:x\nORG:{writer.word()}\nEMAIL:{writer.word()}@x.example\nEND:VCARD"
    return {
        "contact": {"first_name": writer.word(), "last_name": writer.word(), "phone_number": "+4915", "vcard": card}
    }


def _venue(writer: Writer) -> Json:
    spot = {"latitude": 1.5, "longitude": 2.5}
    return {"venue": {"location": spot, "title": writer.word(), "address": writer.word()}, "location": spot}


def _gift(writer: Writer) -> Json:
    gift = {"id": "1", "sticker": writer.medium("sticker"), "star_count": 5}
    kind = writer.dice.choice(["gift", "gift_upgrade_sent"])
    return {kind: {"gift": gift, "text": writer.word()}}


def _checklist(writer: Writer) -> Json:
    return {"checklist": {"title": writer.word(), "tasks": [{"id": each, "text": writer.word()} for each in range(3)]}}


def _refused(writer: Writer) -> Json:
    """What the library cannot parse."""
    odd: Json = writer.dice.choice([{"link_preview_options": 5}, {"via_bot": "x"}, {"dice": 4}, {"reply_markup": [1]}])
    make = writer.dice.choice([_text, _with_caption("photo"), _with_caption("document"), _rich])
    return {**make(writer), **odd}


def _happened(writer: Writer) -> Json:
    """What only happens to a chat, most of it to groups."""
    somebody = {**BEN, "first_name": writer.word()}
    happenings: list[Json] = [
        {"boost_added": {"boost_count": 2}},
        {"direct_message_price_changed": {"are_direct_messages_enabled": True, "direct_message_star_count": 5}},
        {"general_forum_topic_hidden": {}},
        {"general_forum_topic_unhidden": {}},
        {"giveaway_created": {"prize_star_count": 5}},
        {"migrate_from_chat_id": -1001},
        {"migrate_to_chat_id": -1001},
        {"paid_message_price_changed": {"paid_message_star_count": 5}},
        {"video_chat_ended": {"duration": 5}},
        {"video_chat_scheduled": {"start_date": 1764500000}},
        {"video_chat_started": {}},
    ]
    told: list[Json] = [
        {"chat_owner_changed": {"new_owner": somebody}},
        {"chat_owner_left": {"new_owner": somebody}},
        {"left_chat_member": somebody},
        {"new_chat_members": [somebody]},
        {"video_chat_participants_invited": {"users": [somebody]}},
        {"proximity_alert_triggered": {"traveler": somebody, "watcher": BEN, "distance": 5}},
    ]
    if writer.chance(0.5):
        return writer.dice.choice(told)
    writer.words.clear()  # nobody is named
    return writer.dice.choice(happenings)


MEDIA: Final = ("photo", "video", "animation", "voice", "audio", "document")
CONTENTS: Final[tuple[Callable[[Writer], Json], ...]] = (
    *map(_with_caption, MEDIA),
    lambda writer: {"video_note": writer.medium("video_note")},
    lambda writer: {"sticker": writer.medium("sticker")},
    *(_text, _bare_text, _live_photo, _music, _paid, _poll, _rich, _new, _new_beside, _game, _contact, _venue, _gift),
    lambda writer: {"new_chat_title": writer.word()},
    lambda writer: {"new_chat_photo": writer.medium("photo")},
    *(_checklist, _refused, _happened),
)


def is_silent(content: Json) -> bool:
    """Whether it only happens to the chat."""
    return HAPPENINGS.issuperset(content)
