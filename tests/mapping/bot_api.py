"""Raw updates for Hypothesis, built from python-telegram-bot's own types: whatever these can hold, a strategy can make.

Types, and so fields that a newer version brings, are read from the annotations of each class's parameters. Values are
mostly of their type; now and then of none that anybody would expect, or missing.
"""

import collections.abc
import datetime as dt
import inspect
import types
import typing
from collections.abc import Collection
from functools import cache
from typing import Any, Final, Union, get_args, get_origin

import telegram
from hypothesis import strategies as st
from telegram import TelegramObject, Update
from telegram._utils import types as aliases

from tests.mapping.raw_updates import INTEGERS, ODD, TEXT

Raw = dict[str, Any]

#: What the annotations, which are strings, may name.
_NAMES: Final = {**vars(typing), **vars(collections.abc), **vars(telegram), **vars(aliases), "dtm": dt}
#: Parameters that are called otherwise in JSON.
_IN_JSON: Final = {"from_user": "from"}
#: Optional in Python, for the sake of old callers, and refused when they are missing.
_REQUIRED: Final = frozenset(
    {
        (telegram.Poll, "allows_revoting"),
        (telegram.Poll, "members_only"),
        (telegram.PollAnswer, "option_persistent_ids"),
        (telegram.PollOption, "persistent_id"),
    }
)
_DEEPEST: Final = 5  #: Levels of objects in objects; below, optional ones are left out.
#: Few ids, so that a message often refers to one that is known.
IDS: Final = st.integers(1, 4)
PERSON: Final = {"id": 7, "is_bot": False, "first_name": "Ann"}
CHAT: Final = {"id": 7, "type": "private", "first_name": "Ann"}

_SCALARS: Final[dict[object, st.SearchStrategy[Any]]] = {
    int: IDS | INTEGERS,
    float: st.floats() | st.integers(-200, 200),
    str: TEXT,
    bool: st.booleans(),
    bytes: TEXT,
    dt.datetime: st.integers(0, 2**31),
    dt.timedelta: st.integers(0, 10**6),
}


@cache
def fields_of(cls: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The types of the fields that the class must have, and of those that it may have."""
    hints = typing.get_type_hints(cls.__init__, globalns=_NAMES)
    required: dict[str, Any] = {}
    optional: dict[str, Any] = {}
    for name, parameter in inspect.signature(cls.__init__).parameters.items():
        if name in {"self", "api_kwargs"} or parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            continue
        fields = required if parameter.default is parameter.empty or (cls, name) in _REQUIRED else optional
        fields[name] = hints.get(name, str)
    return required, optional


@cache
def kinds_of(cls: Any) -> tuple[tuple[Any, tuple[tuple[str, Any], ...]], ...]:
    """The class, or what Telegram sends in its place, each with the field that tells which one it is."""
    if cls is telegram.MaybeInaccessibleMessage:
        return (telegram.Message, ()), (telegram.InaccessibleMessage, (("date", 0),))
    kinds = [
        (sub, mark) for sub in cls.__subclasses__() if sub.__module__.startswith("telegram.") if (mark := _mark(sub))
    ]
    return tuple(kinds) or ((cls, ()),)


def _mark(cls: Any) -> tuple[tuple[str, Any], ...]:
    """What an object of the class says that it is: its parameters do not tell, so one is made."""
    required, _ = fields_of(cls)
    try:
        made = cls(**dict.fromkeys(required))
    except (TypeError, AttributeError, ValueError):
        made = None
    for name in ("type", "status", "source"):
        value = getattr(made, name, None)
        if name not in required and isinstance(value, str):
            return ((name, str(value)),)
    return ()


@cache
def objects(cls: Any, depth: int = 0) -> st.SearchStrategy[Raw]:
    """Raw objects of the class: all that it must have, mostly, and a few of the things that it may have."""
    return st.one_of([_objects(kind, dict(mark), depth) for kind, mark in kinds_of(cls)])


def _objects(cls: Any, mark: Raw, depth: int) -> st.SearchStrategy[Raw]:
    required, optional = fields_of(cls)
    if depth >= _DEEPEST:
        optional = {name: hint for name, hint in optional.items() if not _holds_objects(hint)}

    def build(names: list[str]) -> st.SearchStrategy[Raw]:
        given = {**required, **{name: optional[name] for name in names}}
        values = {_IN_JSON.get(name, name): _now_and_then(hint, depth + 1) for name, hint in given.items()}
        return st.fixed_dictionaries({**values, **{name: st.just(each) for name, each in mark.items()}})

    if not optional:
        return build([])
    return st.lists(st.sampled_from(sorted(optional)), max_size=3, unique=True).flatmap(build)


def _now_and_then(hint: Any, depth: int) -> st.SearchStrategy[Any]:
    """Values of the type, and, once in a while, anything at all: rarely where PTB wants objects and would refuse it."""
    usual = value(hint, depth)
    sides = 200 if _holds_objects(hint) else 20
    return st.integers(1, sides).flatmap(lambda dice: ODD if dice == sides else usual)


@cache
def value(hint: Any, depth: int) -> st.SearchStrategy[Any]:
    """Raw values of an annotated type."""
    if hint in _SCALARS:
        return _SCALARS[hint]
    origin, inner = get_origin(hint), [each for each in get_args(hint) if each is not type(None)]
    if origin in {Union, types.UnionType}:
        return st.one_of([value(each, depth) for each in inner])
    if origin is typing.Literal:
        return st.sampled_from(inner)
    if origin in {collections.abc.Sequence, list, tuple}:
        return st.lists(value(inner[0], depth), max_size=2)
    if _holds_objects(hint):
        return st.deferred(lambda: objects(hint, depth))
    return ODD


def _holds_objects(hint: Any) -> bool:
    if inspect.isclass(hint):
        return issubclass(hint, TelegramObject)
    return any(_holds_objects(each) for each in get_args(hint))


def customers(updates: Raw) -> Raw:
    """The same update, but from one and the same customer in a private chat."""
    for field, each in updates.items():
        if field != "update_id" and isinstance(each, dict):
            each |= {
                name: person for name, person in (("chat", CHAT), ("from", PERSON), ("user", PERSON)) if name in each
            }
            if field.endswith("message"):
                each["from"] = PERSON
    return updates


def updates(kinds: Collection[str]) -> st.SearchStrategy[Raw]:
    """Updates of one of these kinds each, as Telegram sends them."""
    types = fields_of(Update)[1]
    return st.sampled_from(sorted(kinds)).flatmap(
        lambda kind: st.fixed_dictionaries({"update_id": IDS | INTEGERS, kind: value(types[kind], 0)})
    )


#: What customers do; the other kinds happen to the bot, or to its owner.
CUSTOMERS_KINDS: Final = frozenset(
    {
        "message",
        "edited_message",
        "message_reaction",
        "callback_query",
        "business_message",
        "edited_business_message",
        "deleted_business_messages",
        "my_chat_member",
    }
)
#: Mostly what customers do, and messages above all.
ANY_UPDATE: Final = st.one_of(
    updates({"message", "edited_message"}).map(customers),
    updates(CUSTOMERS_KINDS).map(customers),
    updates(fields_of(Update)[1]),
)
