"""Only a signed, readable event gets in, and nothing that a stranger sends makes the reader stumble."""

import hashlib
import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.kit.callbacks import (
    BadEvent,
    BadSignature,
    Callback,
    ChannelTest,
    SignedEvent,
    UnfitEvent,
    read_event,
    reread_event,
)
from relay.kit.events import (
    CardItem,
    CloseConversationEvent,
    Event,
    FileItem,
    IncomingItem,
    OtherEvent,
    PlaceItem,
    SendMessageEvent,
    UnusableItem,
    WordsItem,
)
from relay.kit.signature import sign
from tests.kit.length_extension import extend

SALT, TOKEN = "S3cr3t-salt", "api-token-1"
SAMPLES = Path(__file__).parent.parent / "samples" / "kit"
SIGNATURES: dict[str, str] = json.loads((SAMPLES / "signatures.json").read_text())
PHOTO = {"type": "photo", "file_url": "https://f.example/a.png"}
FILE = FileItem("photo", "https://f.example/a.png")
NAMES = sorted(path.stem for path in SAMPLES.glob("*.json") if path.stem != "signatures")


def read(body: bytes, authorization: bytes | None) -> Callback:
    return read_event(authorization, body, salt=SALT, token=TOKEN)


def read_callback(**changes: Any) -> Callback:
    """Read an event with the given changes, rightly signed."""
    raw = {
        "client_data": {"client_id": "7"},
        "event_id": "e1",
        "event_type": "send_message",
        "event_data": {"message": {"message_id": "m", "text": "hello"}},
        **changes,
    }
    return read(json.dumps(raw).encode(), sign(SALT, TOKEN, "e1").encode())


def read_signed(**changes: Any) -> Event:
    """Read an event with the given changes, rightly signed, that fits its model."""
    callback = read_callback(**changes)
    assert isinstance(callback, SignedEvent)
    return callback.event


def read_message(message: object, **data: Any) -> SendMessageEvent:
    """Read an event that says so, rightly signed."""
    event = read_signed(event_data={"message": message, **data})
    assert isinstance(event, SendMessageEvent)
    return event


def read_items(*items: object) -> list[IncomingItem]:
    return list(read_message({"payload": list(items)}).items)


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_is_read_with_its_signature(name: str) -> None:
    """Each recorded callback is an event of its kind, for the client that it names."""
    callback = read((SAMPLES / f"{name}.json").read_bytes(), SIGNATURES[name].encode())
    assert isinstance(callback, SignedEvent)
    assert callback.form == "plain"
    event = callback.event
    assert isinstance(event, CloseConversationEvent if name.startswith("close") else SendMessageEvent)
    assert not isinstance(event, OtherEvent)
    assert event.client_id == "107804195"


@pytest.mark.parametrize(
    ("given", "read_as"),
    [(200, "200"), (-1, "-1"), (2**63, str(2**63)), ("7", "7"), (107804195.0, "107804195"), (1.5e8, "150000000")],
)
def test_a_client_id_may_come_as_a_number(given: float | str, read_as: str) -> None:
    """As programs that know only digits write it, or only floats."""
    event = read_signed(client_data={"client_id": given})
    assert isinstance(event, SendMessageEvent)
    assert event.client_id == read_as


@pytest.mark.parametrize("given", [True, 1.5, None, [], {}, "", "x" * 257], ids=repr)
def test_what_is_no_id_names_no_customer(given: object) -> None:
    """Nothing is guessed from it."""
    assert isinstance(read_callback(client_data={"client_id": given}), UnfitEvent)


@pytest.mark.parametrize("name", NAMES)
def test_no_sample_is_read_with_another_signature(name: str) -> None:
    """No signature, another event's and the channel test's are all refused."""
    body = (SAMPLES / f"{name}.json").read_bytes()
    others = {signature for other, signature in SIGNATURES.items() if other != name}
    for header in (None, b"", *(signature.encode() for signature in others)):
        with pytest.raises(BadSignature):
            read(body, header)


def test_a_length_extended_event_id_is_refused() -> None:
    """The forged pair is right as far as MD5 goes, and still opens nothing: the event id's alphabet is too small."""
    seen = "evt-text-0001"
    prefix = f"{SALT}:{TOKEN}:".encode()
    appended, digest = extend(SIGNATURES["text"], len(prefix) + len(seen), b"-forged")
    forged = seen.encode() + appended
    assert hashlib.md5(prefix + forged, usedforsecurity=False).hexdigest() == digest
    body = json.dumps({"event_id": forged.decode("latin-1"), "event_type": "send_message"})
    with pytest.raises(BadSignature):
        read(body.encode(), digest.encode())


def test_the_test_signature_extended_is_refused() -> None:
    """Nor can the channel test's signature be stretched into one for an event."""
    prefix = f"{SALT}:{TOKEN}".encode()
    appended, digest = extend(SIGNATURES["_channel_test"], len(prefix), b":evt-1")
    for event_id in (appended.decode("latin-1"), appended[1:].decode("latin-1"), "evt-1"):
        with pytest.raises((BadEvent, BadSignature)):
            read(json.dumps({"event_id": event_id, "event_type": "send_message"}).encode(), digest.encode())


@pytest.mark.parametrize("event_id", ["", "a b", "a\n", "ä", "a/b", "x" * 129, "\0", "\ud800", 5, 1.5, True, [], {}])
def test_event_ids_of_another_alphabet_are_refused(event_id: object) -> None:
    """An event id is 1 to 128 characters of a small alphabet, to the very end of the string, or it is none."""
    header = sign(SALT, TOKEN, str(event_id)).encode()
    with pytest.raises(BadSignature):
        read(json.dumps({"event_id": event_id, "event_type": "x"}).encode(), header)


TEST_SIGNATURE = b"35d32e79bc70ab6f7160c4a21f630eeb"


@pytest.mark.parametrize("body", [b"", b"  ", b"\r\n", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(("header", "signed"), [(None, False), (b"nonsense", False), (TEST_SIGNATURE, True)])
def test_an_empty_request_is_the_channel_test(body: bytes, header: bytes | None, *, signed: bool) -> None:
    """It is answered even unsigned: when the channel is created, its salt cannot be known here yet."""
    assert read(body, header) == ChannelTest(signed=signed)


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"test": 1}', b'{"event_id": null, "event_type": null}'])
def test_a_signed_test_may_have_a_body(body: bytes) -> None:
    """With the test signature, a body without an event is a channel test."""
    assert read(body, TEST_SIGNATURE) == ChannelTest(signed=True)


@pytest.mark.parametrize("body", [b"{}", b'{"test": 1}', b'{"event_type": "send_message"}', b'{"event_id": null}'])
def test_an_unsigned_body_without_event_is_refused(body: bytes) -> None:
    """A body must be signed, as a test or as an event."""
    with pytest.raises(BadSignature):
        read(body, None)


def test_the_test_signature_opens_no_event() -> None:
    """Whatever of an event a body holds, the channel test's signature doesn't authorise it."""
    for body in (
        b'{"event_type": "send_message"}',
        b'{"event_type": "send_message", "event_id": "e"}',
        b'{"event_id":"e"}',
    ):
        with pytest.raises(BadSignature):
            read(body, TEST_SIGNATURE)


@pytest.mark.parametrize(
    "body",
    [
        b'[{"event_id": "e1"}]',
        b'{"event_id": "e1"} 5',
        b'{"event_id": "e1", "a": ' + b"[" * 200_000,
        b'{"event_id": "e1", ' + b'"a": {' * 100_000,
        b'{"event_id": "e1", "a": NaN}',
        b'{"event_id": "e1", "a": -Infinity}',
        b'{"event_id": "e1", "a": ' + b"9" * 100_000 + b"}",
        b'{"event_id": "e1", "event_id": "e1"}',
        b'{"event_id": "e1", "event_data": {"message": 1, "message": 2}}',
        b'\xef\xbb\xbf\xef\xbb\xbf{"event_id": "e1"}',
        b'{"event_id": "e1", "a": "\xff"}',
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_is_not_strict_json_is_a_bad_event(body: bytes) -> None:
    """Broken, deep, doubled or strangely encoded JSON is refused; it never raises anything else."""
    with pytest.raises(BadEvent):
        read(body, sign(SALT, TOKEN, "e1").encode())


@pytest.mark.parametrize(
    "body",
    [
        b"x",
        b"{",
        b"null",
        b"5",
        b'"text"',
        b"[]",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        '{"event_id": "e1"}'.encode("utf-16"),
        b'{"event_id": "\xff"}',
        b"event_id=e1",
        b'{"text": "he wrote \\"event_id\\": \\"e1\\""}',
    ],
    ids=lambda body: repr(body[:40]),
)
def test_without_an_id_in_its_bytes_nothing_can_be_signed(body: bytes) -> None:
    """Whatever the signature proves, it proves it for another body; nobody reads on."""
    with pytest.raises(BadSignature):
        read(body, sign(SALT, TOKEN, "e1").encode())


def test_the_signed_id_is_the_events_own() -> None:
    """One that stands elsewhere in the body is none, wherever; and one before it costs no message."""
    right = sign(SALT, TOKEN, "e1").encode()
    inner = {"message": {"message_id": "m", "event_id": "e0", "text": '"event_id": "e7"'}}
    for first, then in (({"event_data": inner}, {"event_id": "e1"}), ({"event_id": "e1"}, {"event_data": inner})):
        body = json.dumps({**first, **then, "client_data": {"client_id": "7"}, "event_type": "send_message"}).encode()
        assert isinstance(read(body, right), SignedEvent)
        for other in ("e0", "e7"):
            with pytest.raises(BadSignature):
                read(body, sign(SALT, TOKEN, other).encode())
    for forged in ({"event_id": "e2", "a": {"event_id": "e1"}}, {"a": {"event_id": "e1"}}, [{"event_id": "e2"}, "e1"]):
        with pytest.raises(BadSignature):
            read(json.dumps(forged).encode(), right)


def test_a_strangers_megabyte_is_not_parsed() -> None:
    """However deep or long: it is looked at for an id or two, and refused in a fraction of the time of parsing it."""
    bodies = [b'{"a":' * 200_000, b'{"event_id": "e", "a": [' + b"1," * 500_000 + b"1]}", b'"event_id" ' * 95_000]
    began = time.process_time()
    for body in bodies:
        for header in (None, b"0" * 32, TEST_SIGNATURE):
            with pytest.raises(BadSignature):
                read(body, header)
    assert time.process_time() - began < 0.3


def test_a_body_that_was_encoded_twice_is_opened_once() -> None:
    """As by a program that hands over a string of JSON as JSON."""
    once = json.dumps({"event_id": "e1", "event_type": "new"})
    header = sign(SALT, TOKEN, "e1").encode()
    assert read(json.dumps(once).encode(), header) == SignedEvent(OtherEvent("e1", "new"), "plain")
    with pytest.raises(BadSignature):
        read(json.dumps(json.dumps(once)).encode(), header)
    with pytest.raises(BadEvent):
        read(json.dumps('{"event_id": "e1", "event_id": "e1"}').encode(), header)


def test_a_byte_order_mark_before_the_json_is_nothing() -> None:
    """Programs of the Windows world write one; read again from the store it is nothing either."""
    body = b'\xef\xbb\xbf{"event_id": "e1", "event_type": "new"}'
    assert read(body, sign(SALT, TOKEN, "e1").encode()) == SignedEvent(
        OtherEvent(event_id="e1", event_type="new"), "plain"
    )
    stored = body.decode("utf-8", "replace").encode("utf-8", "replace")
    assert reread_event(stored, "e1") == SignedEvent(OtherEvent(event_id="e1", event_type="new"), "stored")


@pytest.mark.parametrize(
    "changes",
    [
        {"event_type": None},
        {"event_type": 5},
        {"client_data": None},
        {"client_data": {}},
        {"client_data": {"client_id": ""}},
        {"client_data": {"client_id": "x" * 257}},
        {"client_data": {"client_id": ["7"]}},
        {"event_data": None},
        {"event_data": "x"},
        {"event_data": {"message": {"text": {"a": 1}}}},
        {"event_data": {"message": {"text": ["x"]}}},
        {"event_data": {"message": {"text": "x" * 100_001}}},
        {"event_data": {"message": {"payload": [{"type": "x"}] * 101}}},
    ],
    ids=str,
)
def test_without_what_a_delivery_needs_an_event_is_unfit(changes: dict[str, Any]) -> None:
    """Nobody to deliver to, nothing to say, or too much: a dead letter, with a reason that holds nothing of it."""
    callback = read_callback(**changes)
    assert isinstance(callback, UnfitEvent)
    assert callback.event_id == "e1"
    assert "xxx" not in callback.reason


#: Values that JSON of any style may hold where something else was meant.
ODD: tuple[Any, ...] = (
    None, "", "bot-1", "2f1c3a80-9d1f-4f53-8a53-9d3c1b5a7c11", "data:image/png;base64,iVBORw0KGgo=", 4.5, 1.0, 2**63,
    -1, True, False, [], {}, [None], {"a": []},
)  # fmt: skip
SENDER = (
    "sender_id", "sender_username", "sender_display_name", "sender_avatar", "sender_email", "sender_type", "is_bot",
)  # fmt: skip


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("place", [*SENDER, "sender_data", "message_id", "new_field", "client", "event"])
def test_an_odd_field_that_nobody_needs_costs_no_message(place: str, odd: object) -> None:
    """The words and the photo are read, whatever stands in the fields beside them."""
    message: dict[str, Any] = {"message_id": "m", "text": "hello", "payload": [PHOTO]}
    data: dict[str, Any] = {"sender_data": {"sender_id": 1}, "message": message}
    changes: dict[str, Any] = {"client_data": {"client_id": "7"}, "event_data": data}
    where = {"client": changes["client_data"], "event": changes, "message_id": message, "sender_data": data}
    name = place if place in {"message_id", "sender_data"} else "odd"
    if place in SENDER:
        data["sender_data"] = {place: odd}
    else:
        where.get(place, message)[name] = odd
    event = read_signed(**changes)
    assert isinstance(event, SendMessageEvent)
    assert (event.client_id, event.text, event.items) == ("7", "hello", (FILE,))


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("place", ["payload", "file_name", "type", "address"])
def test_an_odd_field_of_an_item_costs_no_words(place: str, odd: object) -> None:
    """They are read, and the good item beside the odd one too."""
    payload = odd if place == "payload" else [{**PHOTO, place: odd}, PHOTO]
    event = read_message({"text": "hello", "payload": payload})
    assert event.text == "hello"
    assert place == "payload" or event.items[-1] == FILE
    assert place != "file_name" or isinstance(event.items[0], FileItem)


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("place", ["close_reason", "sender_data", "event_data", "client_data", "client_id", "message"])
def test_every_close_is_taken(place: str, odd: object) -> None:
    """Whatever stands in it: it is a close, of the client that it names if it names one."""
    changes: dict[str, Any] = {"client_data": {"client_id": "7"}, "event_data": {"close_reason": "CLOSED_BY_AGENT"}}
    where = {"event_data": changes, "client_data": changes, "client_id": changes["client_data"]}
    where.get(place, changes["event_data"])[place] = odd
    event = read_signed(event_type="close_conversation", **changes)
    assert isinstance(event, CloseConversationEvent)
    assert place in {"client_data", "client_id"} or event.client_id == "7"
    assert place in {"close_reason", "event_data"} or event.reason == "CLOSED_BY_AGENT"


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        (5, "5"),
        (4.5, "4.5"),
        (12.0, "12"),
        (0, "0"),
        (-7, "-7"),
        (False, ""),
        (True, ""),
        (None, ""),
        ([], ""),
        ({}, ""),
    ],
)
def test_words_may_be_numbers_and_may_be_missing(text: object, read_as: str) -> None:
    """A text that another program took for a number is one; an unset one costs no photo."""
    event = read_message({"text": text, "payload": [PHOTO]})
    assert (event.text, event.items) == (read_as, (FILE,))


def test_words_that_are_none_are_spoken_of_beside_a_photo() -> None:
    """The photo arrives, and the agent can be told that something else did not."""
    event = read_message({"text": {"de": "Hallo"}, "payload": [PHOTO]})
    assert (event.text, event.items) == ("", (UnusableItem("text"), FILE))


@pytest.mark.parametrize("message", [None, [], {}, "", {"text": None, "payload": None}, {"text": ""}, {"payload": []}])
def test_a_message_may_be_empty(message: object) -> None:
    """Text and payload may be null, absent or empty, each on its own and both together."""
    event = read_message(message)
    assert (event.text, event.items) == ("", ())


@pytest.mark.parametrize(
    "changes",
    [
        {"event_data": json.dumps({"message": {"text": "hello"}})},
        {"event_data": {"message": json.dumps({"text": "hello"})}},
        {"event_data": {"message": "hello"}},
        {"event_data": {"message": [{"text": "hello"}]}},
        {"event_data": [{"message": {"text": "hello"}}]},
        {"client_data": json.dumps({"client_id": 7})},
        {"event_type": " SEND_MESSAGE "},
    ],
    ids=str,
)
def test_objects_may_come_as_json_in_a_string(changes: dict[str, Any]) -> None:
    """As programs write it that encode twice."""
    event = read_signed(**changes)
    assert isinstance(event, SendMessageEvent)
    assert (event.client_id, event.text) == ("7", "hello")


def test_unknown_fields_are_ignored() -> None:
    """What Kit adds tomorrow costs no message today."""
    event = read_signed(new=1, event_data={"new": {}, "message": {"text": "hi", "new": []}, "sender_data": {"new": 1}})
    assert isinstance(event, SendMessageEvent)
    assert event.text == "hi"


def test_unknown_event_types_are_events_too() -> None:
    """An event of an unknown type is read by id and type, whatever else it holds."""
    assert read_signed(event_type="agent_typing", event_data=5, client_data=None) == OtherEvent(
        event_id="e1", event_type="agent_typing"
    )


@pytest.mark.parametrize("named", [None, 5, [], "", " "])
def test_an_event_without_type_and_words_is_another_event(named: object) -> None:
    """Nothing is lost with it; it is kept and counted."""
    assert read_signed(event_type=named, event_data={"a": 1}) == OtherEvent("e1", "untyped")


def test_unknown_payload_types_keep_their_name() -> None:
    """What we cannot use is kept by its type, so that it can be skipped aloud; the rest of the message survives."""
    items = read_items(
        {"type": "properties", "inline_keyboard": [[]]},
        {"type": "photo"},
        {"type": "video", "file_url": ""},
        {"type": "location", "latitude": 1},
        {"type": "contact", "name": ""},
        {"no": "type"},
        {"type": ["photo"]},
        {"type": "photo", "file_url": "https://f.example/a.png"},
    )
    assert [item.type for item in items if isinstance(item, UnusableItem)] == [
        "properties",
        "photo",
        "video",
        "location",
        "contact",
        "untyped",
        "untyped",
    ]
    assert items[-1] == FILE


@pytest.mark.parametrize("kind", ["file", "image", "voice", "sticker", "gif", "animation", "", None, 7, ["photo"]])
@pytest.mark.parametrize("field", ["file_url", "url"])
def test_of_an_unlisted_type_a_link_is_a_file(kind: object, field: str) -> None:
    """What it is, its bytes will say."""
    link = "https://f.example/a.png"
    assert read_items({"type": kind, field: link, "file_name": "a.png"}) == [FileItem("any", link, "a.png")]
    assert read_items({field: link}) == [FileItem("any", link)]
    assert read_items(link) == [FileItem("any", link)]


@pytest.mark.parametrize(
    "kind", ["properties", "cmd", "custom_data", "webchat_inline_buttons", "whatsapp_edna_keyboard"]
)
def test_what_speaks_to_kit_itself_is_no_file(kind: str) -> None:
    """A link in a command is not for the customer."""
    assert read_items({"type": kind, "url": "https://kit.example/hook"}) == [UnusableItem(kind)]


@pytest.mark.parametrize("link", ["x", "ftp://f.example/a", "/a.png", "data:image/png;base64,iVBORw0KGgo="])
def test_of_an_unlisted_type_only_what_can_be_fetched_is_a_file(link: str) -> None:
    """Whatever else stands there is no link."""
    assert read_items({"type": "file", "url": link}) == [UnusableItem("file")]


def test_a_type_may_be_spelt_in_capitals() -> None:
    """A photo stays one."""
    assert read_items({**PHOTO, "type": " Photo "}) == [FILE]


def test_words_may_be_an_item() -> None:
    """They are words all the same."""
    assert read_items({"type": "text", "text": "hello"}) == [WordsItem("hello")]


@pytest.mark.parametrize("empty", [None, "", " ", False, [], {}])
def test_an_empty_item_is_none(empty: object) -> None:
    """Nothing is missing, so nobody is told."""
    assert read_items(empty, PHOTO) == [FILE]


@pytest.mark.parametrize("payload", [None, "", " ", False, True, 0, 7, 4.5, [], {}, "[]", "{}", [None], {"1": None}])
def test_an_empty_payload_is_none(payload: object) -> None:
    """In any spelling of nothing."""
    assert read_message({"text": "hi", "payload": payload}).items == ()


@pytest.mark.parametrize(
    "payload",
    [
        PHOTO,
        json.dumps(PHOTO),
        json.dumps([PHOTO]),
        [json.dumps(PHOTO)],
        {"0": PHOTO},
        {"1": PHOTO},
        {"picture": PHOTO},
        [[PHOTO]],
        [[None, PHOTO], []],
        json.dumps({"3": PHOTO}),
    ],
    ids=str,
)
def test_a_payload_may_be_written_in_other_ways(payload: object) -> None:
    """As one item, as an object of items (PHP's list with gaps), as JSON in a string."""
    assert read_message({"text": "hi", "payload": payload}).items == (FILE,)


def test_items_keep_their_order_in_an_object() -> None:
    """As they are written."""
    items = {"2": {**PHOTO, "file_name": "b"}, "1": {**PHOTO, "file_name": "a"}}
    assert [item.name for item in read_message({"payload": items}).items if isinstance(item, FileItem)] == ["b", "a"]


@pytest.mark.parametrize("link", [" {} ", "\n{}", "{}\r\n", "\t{}", "\ufeff{}\u200b", "\u00a0{}", "<{}>", '"{}"'])
def test_white_space_around_a_link_is_none_of_it(link: str) -> None:
    """As it comes by copying."""
    assert read_items({"type": "photo", "file_url": link.format("https://f.example/a.png")}) == [FILE]


@pytest.mark.parametrize("odd", [None, "", 5, False, [], {}, "nonsense"])
def test_of_two_links_the_one_that_can_be_fetched_counts(odd: object) -> None:
    """An odd one in front of it costs nothing."""
    assert read_items({"type": "photo", "file_url": odd, "url": "https://f.example/a.png"}) == [FILE]


@pytest.mark.parametrize(
    ("latitude", "longitude"), [("52.5", "-13.4"), (52.5, -13.4), (" 52.5 ", "-13,4"), ("5.25e1", -13.4)]
)
def test_degrees_may_be_strings(latitude: object, longitude: object) -> None:
    """With a point or a comma."""
    assert read_items({"type": "location", "latitude": latitude, "longitude": longitude}) == [PlaceItem(52.5, -13.4)]


@pytest.mark.parametrize("degrees", [True, "up", "", None, 361, -400.5, 10**400, [], "1" * 400, "nan", "1e999"])
def test_what_are_no_degrees_is_no_point(degrees: object) -> None:
    """Nothing is guessed from it; the address stays."""
    place = {"type": "location", "latitude": degrees, "longitude": 1, "address": "Rua A 5"}
    assert read_items(place) == [WordsItem("Rua A 5")]


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ("x", "untyped"),
        ([["photo"]], "untyped"),
        ({"type": "photo", "file_url": 5}, "photo"),
        ({"type": "photo", "file_url": "x" * 9000}, "photo"),
        ({"type": "location", "latitude": "up", "longitude": 1}, "location"),
        ({"type": "location", "latitude": 10**400, "longitude": 1}, "location"),
        ({"type": "location", "latitude": 1, "longitude": 1000}, "location"),
        ({"type": "contact", "name": ["x"], "number": {}}, "contact"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_an_item_that_does_not_fit_costs_nothing_but_itself(item: object, kind: str) -> None:
    """The words and the other items are read; the item is known by its type, so that it can be spoken of."""
    event = read_message({"text": "hi", "payload": [item, PHOTO]})
    assert (event.text, event.items) == ("hi", (UnusableItem(kind), FILE))


@pytest.mark.parametrize("payload", ["x", {"type": "photo"}])
def test_a_payload_that_is_no_list_is_one_item(payload: object) -> None:
    """The words beside it are read."""
    [item] = read_message({"text": "hi", "payload": payload}).items
    assert isinstance(item, UnusableItem)


@pytest.mark.parametrize("name", [7.5, ["x"], {}, ""])
def test_a_name_that_is_none_costs_no_file(name: object) -> None:
    """A file is there without its name."""
    assert read_items({**PHOTO, "file_name": name}) == [FILE]


@pytest.mark.parametrize("point", [{}, {"latitude": "up", "longitude": 1}, {"latitude": None, "longitude": 2}])
def test_an_address_without_a_point_is_an_address(point: dict[str, object]) -> None:
    """What people can read of a place stays."""
    assert read_items({"type": "location", "address": "Rua A 5", **point}) == [WordsItem("Rua A 5")]


def test_of_an_unfit_event_the_client_and_the_words_are_read() -> None:
    """So that an agent can be told; the reason and the repr hold nothing of them."""
    callback = read_callback(
        event_data={"message": {"text": "our words", "payload": [{"type": "x"}] * 101}},
    )
    assert isinstance(callback, UnfitEvent)
    assert (callback.client_id, callback.said) == ("7", "our words")
    assert "our words" not in repr(callback)


def test_url_stands_in_for_file_url() -> None:
    """Kit's functions write `url` where the documentation has `file_url`, which wins when both are there."""
    assert read_items({"type": "audio", "url": "https://f.example/a"}) == [FileItem("audio", "https://f.example/a")]
    both = {"type": "audio", "url": "https://no", "file_url": "https://yes"}
    assert read_items(both) == [FileItem("audio", "https://yes")]


def test_the_agents_name_is_what_customers_are_to_read() -> None:
    """And nothing else of the sender."""
    sender = {"sender_username": "j.smith", "sender_display_name": "Jane"}
    assert read_message({"text": "a"}, sender_data=sender).agent_name == "Jane"
    assert read_message({"text": "a"}, sender_data=json.dumps(sender)).agent_name == "Jane"
    assert read_message({"text": "a"}, sender_data=[]).agent_name == ""
    assert read_message({"text": "a"}, sender_data={"sender_display_name": 7}).agent_name == ""


def test_lone_surrogates_are_replaced() -> None:
    """Half a character, which no database takes, becomes a visible replacement."""
    event = read_message({"text": "a\ud83db", "payload": [{"type": "\udc00"}]})
    assert (event.text, event.items) == ("a\ufffdb", (UnusableItem("\ufffd"),))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("client_data", "client_id", "event_data", "message", "text", "payload", "type", "latitude", "sender_data")
EVENTS = st.fixed_dictionaries(
    {"event_id": st.just("e1")},
    optional={
        "event_type": st.sampled_from(["send_message", "close_conversation", "other"]) | JSON,
        "client_data": st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=3) | JSON,
        "event_data": st.dictionaries(
            st.sampled_from(FIELDS), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=3) | JSON, max_size=3
        ),
    },
)


@given(raw=EVENTS)
def test_any_signed_json_is_an_event_or_an_unfit_one(raw: dict[str, Any]) -> None:
    """Whatever a signed body holds, it is read or kept: nothing that Kit signed is lost."""
    with suppress(BadEvent):
        callback = read(json.dumps(raw).encode(), sign(SALT, TOKEN, "e1").encode())
        assert isinstance(callback, SignedEvent | UnfitEvent)


@given(body=st.binary(max_size=200), header=st.none() | st.binary(max_size=50))
def test_any_bytes_are_refused_calmly(body: bytes, header: bytes | None) -> None:
    """Bytes from a stranger are refused as a bad event or a bad signature, or are the empty test."""
    with suppress(BadEvent, BadSignature):
        assert read(body, header) == ChannelTest(signed=False)
        assert not body.strip()


@pytest.mark.parametrize(("number", "read"), [(112, "112"), ("+49 30", "+49 30"), (None, None), (4.5, None)])
def test_a_contacts_number_may_be_a_json_number(number: object, read: str | None) -> None:
    """A short number that comes without quotes costs no message."""
    assert read_items({"type": "contact", "name": "Help", "number": number}) == [CardItem("Help", read)]


LINK = "https://f.example/a.png"


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"type": "image", "link": LINK, "name": "n.png"}, FileItem("any", LINK, "n.png")),
        ({"type": "file", "file": {"url": LINK, "name": "z.png"}}, FileItem("any", LINK, "z.png")),
        ({"type": "photo", "src": LINK}, FileItem("photo", LINK)),
        ({"type": "photo", "fileUrl": LINK}, FileItem("photo", LINK)),
        ({"type": "document", "file_url": "", "data": f'{{"href": "{LINK}"}}'}, FileItem("document", LINK)),
        ({"type": "quiz", "text": LINK, "avatar": LINK, "webhook": {"url": LINK}}, UnusableItem("quiz")),
    ],
)
def test_a_file_is_found_wherever_its_link_stands(item: dict[str, Any], expected: FileItem | UnusableItem) -> None:
    """Under whatever name programs give it; a link that is something else is none."""
    assert read_items(item) == [expected]
