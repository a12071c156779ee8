"""`python -m tests.campaigns.sweep --updates 10000`: everything that customers can write, everywhere, at random.

Kinds of content (of `writer.py` and of all recorded updates) by captions, entities, replies, quotes, forwards with the
old fields, edits, Business, topics and albums. Each update is one event that Kit takes, with every word and every file
in it and no name of a field, or is declined for a written reason; nothing raises.
"""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from telegram import Message

from relay.intake.reading import read_update
from relay.mapping.event.events import STRANGER, KitContext
from relay.media.conversion.forms import FORMS
from relay.model import Accepted, Album, Declined, Known, Said
from relay.sandbox.kit.events import check_event
from relay.sandbox.telegram.old_fields import OLD_FIELDS, say_twice
from tests.campaigns.writer import ANN, BEN, FEEDBACK, NEWS, ORIGINS, Json, Writer, is_silent
from tests.mapping.mapped import BEFORE, NAMES, OWNERS, TALKING, raw_sample

CONTEXT: Final = KitContext(
    "777", "https://relay.example", lambda: "id", forms={form.source: form.target for form in FORMS}, owners=OWNERS
)
#: What only programs call things: `forward_origin`, and the same without the line.
_OF_PROGRAMS: Final = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
_OLD: Final = tuple(name.replace("_", " ") for name in sorted({*OLD_FIELDS, "api_kwargs", "file_id"}))
_KINDS_OF_PROGRAMS: Final = frozenset(Message.__slots__)


@dataclass(slots=True)
class Update:
    """An update, and what must become of it."""

    raw: Json
    known: Known = STRANGER
    words: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    group: str = ""  #: Of an album; its words are those of the items so far.
    items: int = 0  #: Of an album: files so far.
    may_decline: bool = False  #: A written reason does as well.


class Sweep:
    """Makes updates."""

    def __init__(self, seed: int) -> None:
        self.writer = Writer(seed)
        self.dice = self.writer.dice
        self.number = 0

    def updates(self) -> Iterator[Update]:
        """Without end."""
        while True:
            chosen = self.dice.random()
            if chosen < 0.1:
                yield from self.album()
            elif chosen < 0.18:
                yield self.recorded()
            elif chosen < 0.25:
                yield self.touch()
            else:
                yield self.message()

    def recorded(self) -> Update:
        """A recorded update of any kind, also of those that are not carried."""
        name = self.dice.choice(NAMES)
        raw = raw_sample(name)
        say_twice(raw)
        return Update({**raw, "update_id": self._next()}, BEFORE.get(name, TALKING), may_decline=True)

    def message(self) -> Update:
        """Any content, referring to anything, in any place, new or edited."""
        self.writer.words, self.writer.files = [], []
        content = self.writer.content()
        own = list(self.writer.files)
        message = {**self._place(), **content}
        self._refer(message)
        message.update(
            self.dice.choice([{}, {}, {"effect_id": "5"}, {"has_protected_content": True}, {"via_bot": BEN}])
        )
        name = "business_message" if "business_connection_id" in message else "message"
        known = self.dice.choice([TALKING, TALKING, STRANGER])
        if self.writer.chance(0.15):
            name, message["edit_date"] = f"edited_{name}", 1764500001
            if self.writer.chance(0.5):  # what it answers has been carried with it
                self.writer.files = own
                known = Known(TALKING.client, {self.number: Said(self.number, "customer", "it was")})
        return self._update(
            {name: message},
            known,
            may_decline=is_silent(content) or (name.startswith("edited") and "location" in content),
        )

    def touch(self) -> Update:
        """A heart for a message, a press on a button under it, or its end: each says which message it is about."""
        self.writer.words, self.writer.files = [], []
        person, number = {**ANN, "is_bot": False}, self._next()
        chat = {"chat": {**ANN, "type": "private"}, "message_id": number, "date": 1764500000}
        known = Known(TALKING.client, {number: Said(number, "agent", self.writer.word())})
        kind = self.dice.choice(["message_reaction", "callback_query", "deleted_business_messages"])
        if kind == "message_reaction":
            emoji = self.dice.choice(
                [{"type": "emoji", "emoji": "👍"}, {"type": "custom_emoji", "custom_emoji_id": "5"}]
            )
            return self._update({kind: {**chat, "user": person, "old_reaction": [], "new_reaction": [emoji]}}, known)
        if kind == "deleted_business_messages":
            gone = {"business_connection_id": "bc1", "chat": chat["chat"], "message_ids": [number]}
            return self._update({kind: gone}, known)
        self.writer.words = []
        keyboard = {
            "inline_keyboard": [
                [{"text": "No", "callback_data": "0"}, {"text": self.writer.word(), "callback_data": "1"}]
            ]
        }
        message = {**chat, "from": {**BEN, "is_bot": True}, "text": "Which?", "reply_markup": keyboard}
        press = {"id": "1", "from": person, "chat_instance": "1", "data": "1", "message": message}
        return self._update({kind: press}, known)

    def album(self) -> Iterator[Update]:
        """Two to ten items that are one message; forwarded, answered and captioned as one."""
        kinds = self.dice.choice([("photo", "video"), ("document",), ("audio",), ("photo",)])
        shared: Json = {"media_group_id": f"g{self._next()}", **self._place()}
        self.writer.words, self.writer.files = [], []
        self._refer(shared)
        words, items = self.writer.words, 0
        for _ in range(self.dice.randint(2, 10)):
            kind = self.dice.choice(kinds)
            content = {kind: self.writer.medium(kind), **(self.writer.caption() if self.writer.chance(0.3) else {})}
            item = {**shared, "message_id": self._next(), **content}
            made = self._update({"business_message" if "business_connection_id" in item else "message": item}, TALKING)
            items += len(made.files)
            yield Update(made.raw, made.known, list(words), made.files, shared["media_group_id"], items)
            self.writer.files = []

    def _update(self, fields: Json, known: Known, *, may_decline: bool = False) -> Update:
        raw = {"update_id": self._next(), **fields}
        say_twice(raw)
        return Update(raw, known, self.writer.words, self.writer.files, may_decline=may_decline)

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _place(self) -> Json:
        """A private chat, a topic of one, a Business account, or a channel's direct messages."""
        person = {**ANN, "is_bot": False}
        message: Json = {"message_id": self._next(), "date": 1764500000, "chat": {**ANN, "type": "private"}}
        message["from"] = person
        kind = self.dice.choice(["private", "private", "topic", "business", "channel"])
        if kind == "topic":
            message |= {"is_topic_message": True, "message_thread_id": 5}
        if kind == "business":
            message["business_connection_id"] = "bc1"
        if kind == "channel":
            topic = {"topic_id": 7, "user": person}
            message |= {"chat": {**FEEDBACK, "is_direct_messages": True}, "direct_messages_topic": topic}
        return message

    def _refer(self, message: Json) -> None:
        """A forward, or an answer to something here or elsewhere, with or without a quote."""
        if self.writer.chance(0.3):
            message["forward_origin"], told = self.dice.choice(ORIGINS)
            self.writer.words.extend(told)
            return
        kind = self.dice.choice(["nothing", "nothing", "reply", "quote", "elsewhere", "story"])
        quote = {"text": "", "position": 0, "is_manual": True}
        if kind in {"reply", "quote"}:
            message["reply_to_message"] = self._earlier(message, is_quoted=kind == "quote")
        if kind == "quote" or (kind == "elsewhere" and self.writer.chance(0.5)):
            message["quote"] = {**quote, "text": self.writer.word()}
        if kind == "elsewhere":
            origin, told = self.dice.choice(ORIGINS)
            medium = self.dice.choice(["photo", "document", "video", "voice", "sticker"])
            chat = {"chat": NEWS, "message_id": 4} if origin["type"] == "channel" else {}
            files, words = self.writer.files, len(self.writer.words)
            message["external_reply"] = {"origin": origin, medium: self.writer.medium(medium), **chat}
            del self.writer.words[words:]  # of a sticker's own emoji the quote has no room beside chosen words
            self.writer.files = files
            self.writer.words.extend(name for name in told if name != "Dora")
        if kind == "story":
            message["reply_to_story"] = {"chat": NEWS, "id": 8}
            self.writer.words.extend(("News", "https://t.me/news/s/8"))

    def _earlier(self, message: Json, *, is_quoted: bool) -> Json:
        """What is answered: its first words must be seen, unless others of it are chosen."""
        words, files = self.writer.words, self.writer.files
        self.writer.words, self.writer.files = [], []
        place: Json = {
            name: message[name] for name in ("date", "chat", "from", "direct_messages_topic") if name in message
        }
        earlier: Json = {"message_id": 1, **place, **self.writer.content()}
        first = self.writer.words[:1] if "entities" in earlier else []
        self.writer.words, self.writer.files = [*words, *([] if is_quoted else first)], files
        return earlier


class Judge:
    """Tells what is wrong with what becomes of updates; remembers what waits of albums."""

    def __init__(self) -> None:
        self._albums: dict[str, str] = {}
        self.seen = Counter[str]()

    def wrong(self, update: Update) -> str | None:
        """What is wrong; None if nothing is."""
        known = update.known
        if update.group in self._albums:
            known = Known(known.client, album=Album(self._albums[update.group]))
        try:
            outcome = read_update(update.raw, CONTEXT).decide(known)
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            return f"raised {error!r}"
        if isinstance(outcome, Declined):
            self.seen["declined"] += 1
            if not outcome.reason:
                return "declined without a reason"
            return None if update.may_decline else f"declined: {outcome.reason}"
        if not isinstance(outcome, Accepted):
            return "a dead letter"
        if outcome.draft.direction == "to_telegram":
            self.seen["answered"] += 1
            return None if update.may_decline else "nothing for the agent"
        self.seen["carried"] += 1
        if update.group and outcome.draft.parts is not None:
            self._albums[update.group] = outcome.draft.parts
        return self._look(update, outcome)

    def _look(self, update: Update, outcome: Accepted) -> str | None:
        body: Json = json.loads(outcome.draft.body)
        check_event(body)
        message = body["event_data"]["message"]
        text, items = message.get("text", ""), message.get("payload", [])
        lost = [word for word in update.words if word not in text]
        carried = [media.file_id for media in outcome.media]
        lost += [file for file in update.files if file not in carried]
        faults = [f"lost {lost}"] if lost else []
        if len(set(carried)) < len(carried):
            faults.append(f"twice {carried}")
        if len(items) < update.items:
            faults.append(f"{len(items)} items of {update.items}")
        if any(media.file_id.startswith("preview") for media in outcome.media):
            faults.append("a preview as a file")
        if named := _names_of_programs(text):
            faults.append(f"named {named}")
        return f"{'; '.join(faults)}: {text!r}" if faults else None


def _names_of_programs(text: str) -> list[str]:
    found = [name for name in _OF_PROGRAMS.findall(text) if name in _KINDS_OF_PROGRAMS or name in OLD_FIELDS]
    return [*found, *(name for name in _OLD if name in text)]


def main(arguments: list[str]) -> int:
    """Exit status 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=3, help="how many faults are shown whole")
    given = parser.parse_args(arguments)
    judge, wrong = Judge(), 0
    updates = Sweep(given.seed).updates()
    for number in range(1, given.updates + 1):
        update = next(updates)
        if (fault := judge.wrong(update)) is not None:
            wrong += 1
            sys.stdout.write(f"update {number}: {fault}\n{json.dumps(update.raw)}\n" if wrong <= given.show else "")
    sys.stdout.write(f"{given.updates} updates: {_counted(judge.seen)}; {wrong} wrong\n")
    return 1 if wrong else 0


def _counted(seen: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(seen.items()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
