"""`python -m tests.campaigns.sweep --updates 10000`: contents, forwards, replies, edits, Business, topics, at random.

Each update is one event that Kit takes, with every word and every file in it and no name of a field, or is declined
for a written reason; nothing raises.
"""

import argparse
import json
import sys
from collections import Counter
from itertools import count
from random import Random
from typing import Any

from relay.intake.reading import read_update
from relay.mapping.event.events import KitContext
from relay.model import Accepted, Declined, Known
from relay.sandbox.kit.events import check_event
from relay.sandbox.telegram.old_fields import say_twice
from tests.mapping.mapped import OWNERS, TALKING

Json = dict[str, Any]
CONTEXT = KitContext("777", "https://relay.example", lambda: "id", owners=OWNERS)
NEWS = {"id": -1009, "title": "News", "username": "news", "type": "channel"}
BEN = {"id": 9, "is_bot": False, "first_name": "Ben", "last_name": "Ott"}
MEDIA = ("photo", "video", "animation", "voice", "video_note", "audio", "document")


class Sweep:
    """Makes updates, each with the words and the files that must arrive."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)  # noqa: S311 - no secret
        self.numbers = count(1)
        self.words: list[str] = []
        self.files: list[str] = []

    def word(self) -> str:
        self.words.append(f"Wort{next(self.numbers)}")
        return self.words[-1]

    def medium(self, kind: str) -> Any:
        self.files.append(f"file{next(self.numbers)}")
        ids = {"file_id": self.files[-1], "file_unique_id": f"u{self.files[-1]}"}
        sized = {**ids, "width": 90, "height": 90, "length": 90, "duration": 1}
        return [{**ids, "width": 90, "height": 90}] if kind == "photo" else sized

    def content(self) -> Json:
        kind = self.dice.choice([*MEDIA, "text", "rich", "poll", "new", "game", "beside"])
        if kind in MEDIA:
            caption = {"caption": self.word()} if kind != "video_note" and self.dice.random() < 0.5 else {}
            return {kind: self.medium(kind), **caption}
        if kind == "rich":
            blocks = [{"type": "paragraph", "text": [self.word(), {"type": "bold", "text": self.word()}]}]
            return {"rich_message": {"blocks": [*blocks, {"type": "photo", "photo": self.medium("photo")}]}}
        if kind == "poll":
            option = {
                "persistent_id": "1",
                "text": self.word(),
                "voter_count": 0,
                "media": {"photo": self.medium("photo")},
            }
            return {"poll": {"id": "1", "question": self.word(), "options": [option], "type": "regular"}}
        if kind == "new":
            return {"hologram": {"title": self.word(), "film": self.medium("video")}}
        if kind == "game":
            return {"game": {"title": self.word(), "description": self.word(), "photo": self.medium("photo")}}
        beside = {"hologram": {"text": self.word()}} if kind == "beside" else {}
        return {"text": self.word(), **beside}

    def update(self, number: int) -> Json:
        self.words, self.files = [], []
        person = {"id": 7, "first_name": "Ann"}
        message: Json = {"message_id": number, "date": 1764500000, "chat": {**person, "type": "private"}}
        message |= {"from": {**person, "is_bot": False}, **self.content()}
        origins = [
            {"type": "user", "sender_user": BEN, "date": 1},
            {"type": "hidden_user", "sender_user_name": "Carl", "date": 1},
            {"type": "channel", "chat": NEWS, "message_id": 4, "date": 1},
        ]
        if self.dice.random() < 0.4:
            message["forward_origin"] = self.dice.choice(origins)
        if self.dice.random() < 0.3:
            message["reply_to_message"] = {**message, "message_id": 1, "text": self.word()}
        if self.dice.random() < 0.3:
            message |= {"is_topic_message": True, "message_thread_id": 5}
        if self.dice.random() < 0.1:
            message["link_preview_options"] = 5  # refused by the library
        field = self.dice.choice(["message", "edited_message", "business_message", "edited_business_message"])
        if field.startswith("edited"):
            message["edit_date"] = 1764500001
        if "business" in field:
            message["business_connection_id"] = "bc1"
        update = {"update_id": number, field: message}
        say_twice(update)
        return update


def wrong(sweep: Sweep, raw: Json) -> str | None:
    """What is wrong with what becomes of the update; None if nothing is."""
    outcome = read_update(raw, CONTEXT).decide(Known(TALKING.client))
    if isinstance(outcome, Declined):
        return None if outcome.reason else "declined without a reason"
    if not isinstance(outcome, Accepted):
        return "a dead letter"
    body = json.loads(outcome.draft.body)
    check_event(body)
    text = body["event_data"]["message"].get("text", "")
    lost = [word for word in sweep.words if word not in text]
    lost += [file for file in sweep.files if file not in {media.file_id for media in outcome.media}]
    named = [name for name in ("forward date", "forward from", "forward_", "api_kwargs", "thumb") if name in text]
    return f"lost {lost}, named {named}: {text!r}" if lost or named else None


def main(arguments: list[str]) -> int:
    """Exit status 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    sweep, found = Sweep(given.seed), Counter[str]()
    for number in range(1, given.updates + 1):
        raw = sweep.update(number)
        if (fault := wrong(sweep, raw)) is not None:
            found["wrong"] += 1
            sys.stdout.write(f"update {number}: {fault}\n{json.dumps(raw)}\n" if found["wrong"] <= 3 else "")
    sys.stdout.write(f"{given.updates} updates, {found['wrong']} wrong\n")
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
