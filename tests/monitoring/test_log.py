"""What the log promises: one form, one line an event, no secret, at any level."""

import asyncio
import io
import itertools
import json
import logging
import os
import subprocess
import sys
import threading
import time
import tty
import urllib.parse
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from relay.monitoring.log import configure, loop_exception_handler
from relay.monitoring.redaction import MARK, redactor

TOKEN = "123456789:AAE-abcdefghijklmnopqrstuvwxyz_0123"
OTHER_TOKEN = "987654:BBF-zyxwvutsrqponmlkjihgfedcba_9876"
API_TOKEN = "kit/api+token=="
SALT = 'S3cr3t-"pepper\\'
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.c2lnbmF0dXJl-_"
SECRETS = (TOKEN, API_TOKEN, SALT)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """`configure` is for a whole process: afterwards all is as it was."""
    root = logging.getLogger()
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    level, handlers = root.level, root.handlers[:]
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    for name in ("httpx", "httpcore", "telegram", "aiosqlite", "sqlalchemy", "aiohttp.access"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        return True


def started(fmt: str = "json", level: str = "INFO", stream: io.StringIO | None = None) -> io.StringIO:
    """A configured log and where it writes."""
    stream = stream if stream is not None else io.StringIO()
    configure(level, "json" if fmt == "json" else "console", SECRETS, stream)
    return stream


def events(stream: io.StringIO) -> list[dict[str, object]]:
    """The lines, read as JSON."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail() -> None:
    """Raise with secrets in the message and in the cause."""
    raise RuntimeError(f"salt {SALT!r}") from LookupError(f"POST https://api/bot{OTHER_TOKEN}/sendMessage")


def test_our_events_and_a_librarys_have_one_form() -> None:
    """Time in UTC, level and event come first; a library's line adds the name of its logger."""
    stream = started()
    structlog.get_logger().info("delivery.attempted", delivery=7, level="loud")
    logging.getLogger("some.library").warning("took %d ms", 12)
    ours, theirs = events(stream)
    assert list(ours) == ["timestamp", "level", "event", "delivery"]
    assert ours["level"] == "info"
    assert datetime.fromisoformat(str(ours["timestamp"])).utcoffset() == timedelta(0)
    assert list(theirs)[:3] == ["timestamp", "level", "event"]
    assert (theirs["level"], theirs["event"], theirs["logger"]) == ("warning", "took 12 ms", "some.library")


def test_the_console_form_is_for_reading() -> None:
    """`time level event key=value`, words with spaces in quotes, no colours outside of a terminal."""
    stream = started("console")
    structlog.get_logger().warning("delivery.buried", delivery=7, after=1.5, reason="chat not found", to=None)
    line = stream.getvalue().partition(" ")[2]
    assert line == "warning  delivery.buried delivery=7 after=1.5 reason='chat not found' to=None\n"
    terminal = started("console", stream=Terminal())
    structlog.get_logger().warning("delivery.buried")
    assert "\x1b[33mwarning \x1b[0m" in terminal.getvalue()


FORGED = "ok\n2026-11-22T00:00:00Z info forged\r\x1b[2J\u2028\x85 end\u202e"


@pytest.mark.parametrize("fmt", ["json", "console"])
def test_no_value_forges_a_line(fmt: str) -> None:
    """Line breaks and escape sequences in values, events and libraries' messages stay inside their line, escaped."""
    stream = started(fmt)
    structlog.get_logger().info("update.declined", name=FORGED, several=[FORGED])
    structlog.get_logger().info(FORGED)
    logging.getLogger("some.library").warning("%s", FORGED)
    lines = stream.getvalue().split("\n")
    assert len(lines) == 4
    assert all(line.isprintable() for line in lines)


@given(st.text(), st.sampled_from(["json", "console"]))
def test_no_text_whatever_forges_a_line(text: str, fmt: str) -> None:
    """An event is one printable line, whatever is in it."""
    stream = started(fmt)
    structlog.get_logger().info("update.declined", name=text)
    assert stream.getvalue().endswith("\n")
    assert stream.getvalue()[:-1].isprintable()


def test_a_traceback_belongs_to_its_event() -> None:
    """In JSON a traceback is a field; on the console its lines are indented, so that none passes for an event."""
    for fmt in ("json", "console"):
        stream = started(fmt)
        try:
            int("first\n2026-11-22T00:00:00Z info forged")
        except ValueError:
            structlog.get_logger().exception("bug", text="first\n2026-11-22T00:00:00Z info forged")
        first, *rest = stream.getvalue().splitlines()
        assert " bug" in first or '"bug"' in first
        assert (rest == []) if fmt == "json" else (rest and all(line.startswith("    ") for line in rest))


def leak_event() -> None:
    """Our own event, with nested values."""
    structlog.get_logger().info("leak", a=TOKEN, b=[API_TOKEN, {"salt": SALT}], c=SALT.encode())


def leak_library() -> None:
    """What httpx logs of a call, at INFO."""
    logging.getLogger("some.library").info("POST %s", f"https://api.telegram.org/bot{TOKEN}/sendMessage")


def leak_debug() -> None:
    """What a library logs at DEBUG."""
    logging.getLogger("some.library").debug("Set Bot API URL: https://api.telegram.org/bot%s", OTHER_TOKEN)


def leak_traceback() -> None:
    """An exception whose message and cause hold secrets."""
    try:
        fail()
    except RuntimeError:
        structlog.get_logger().exception("bug")
        logging.getLogger("some.library").exception("bug")


def leak_encoded() -> None:
    """Secrets as they stand in URLs and in JSON."""
    log = structlog.get_logger()
    log.info("leak", url=f"https://kit/login?access_token={urllib.parse.quote(API_TOKEN, safe='')}&domain=acme")
    log.info("leak", url=f"https://kit/login?t={urllib.parse.quote_plus(SALT).lower().replace('s3cr3t', 'S3cr3t')}")
    log.info("leak", url=f"/file/bot{urllib.parse.quote(TOKEN)}/a.jpg")
    log.info("leak", body=json.dumps({"salt": SALT, "again": json.dumps(SALT)}))


def leak_session() -> None:
    """Kit's session tokens, which nobody knows in advance."""
    log = structlog.get_logger()
    log.info("leak", header=f"Authorization: Bearer {JWT}", plain=JWT)
    log.info("leak", header="authorization: bearer opaque-session-token")
    log.info("leak", answer='{"access_token": "opaque-session-token", "refresh_token": "opaque-session-token"}')
    log.info("leak", answer={"access_token": "opaque-session-token"}, form="refresh_token=opaque-session-token&a=b")


def leak_warning() -> None:
    """A warning."""
    warnings.showwarning(UserWarning(f"deprecated {TOKEN}"), UserWarning, "file.py", 1)


def leak_crash() -> None:
    """The three hooks for exceptions that nobody catches, and asyncio's."""
    try:
        fail()
    except RuntimeError as error:
        sys.excepthook(type(error), error, error.__traceback__)
        threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, None)))
        loop = asyncio.new_event_loop()
        loop_exception_handler(loop, {"message": f"Task {TOKEN}", "exception": error})
        loop.close()


def leak_broken_record() -> None:
    """A library's log call with wrong arguments, which `logging` would print as they are."""
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if "pytest" not in type(handler).__module__]
    logging.getLogger("some.library").warning("%d", TOKEN)


@pytest.mark.parametrize("fmt", ["json", "console"])
@pytest.mark.parametrize(
    "leak",
    [
        leak_event, leak_library, leak_debug, leak_traceback, leak_encoded,
        leak_session, leak_warning, leak_crash, leak_broken_record,
    ],
)  # fmt: skip
def test_no_secret_reaches_the_log(leak: Callable[[], None], fmt: str, capsys: pytest.CaptureFixture[str]) -> None:
    """At DEBUG, from whichever corner: no secret, in no spelling, but a line that says that something was there."""
    stream = started(fmt, "DEBUG")
    leak()
    printed = stream.getvalue()
    written = "".join(capsys.readouterr()) + printed
    parts = (TOKEN[10:], OTHER_TOKEN[7:], "api+token", "api%2Btoken", "pepper", JWT[:20], JWT[-10:], "opaque")
    assert not [part for part in parts if part in written]
    assert printed
    assert MARK in printed or leak is leak_broken_record


def test_talkative_libraries_are_quiet_and_indiscreet_ones_always_are() -> None:
    """HTTP clients warn only, unless DEBUG is asked for; rows, messages and visitors' addresses are never logged."""
    stream = started(level="INFO")
    for name in ("httpx", "httpcore.connection", "telegram.Bot", "aiosqlite", "sqlalchemy.engine", "aiohttp.access"):
        logging.getLogger(name).info("x")
    assert stream.getvalue() == ""
    logging.getLogger("telegram.Bot").warning("x")
    assert len(events(stream)) == 1
    stream = started(level="DEBUG")
    for name in ("httpx", "telegram.Bot", "aiosqlite", "sqlalchemy.engine", "aiohttp.access"):
        logging.getLogger(name).debug("x")
    assert [event["logger"] for event in events(stream)] == ["httpx"]


def test_the_level_holds_for_all() -> None:
    """Below the level nothing is written, neither ours nor a library's."""
    stream = started(level="warning")
    structlog.get_logger().info("x")
    logging.getLogger("some.library").info("x")
    logging.getLogger("some.library").log(35, "odd level")
    assert [event["event"] for event in events(stream)] == ["odd level"]


def test_a_second_configuration_reaches_loggers_in_use() -> None:
    """Loggers that have written already follow to the new stream and form; a library's line comes once."""
    first = started()
    log = structlog.get_logger()
    log.info("one")
    second = started("console")
    log.info("two")
    logging.getLogger("some.library").warning("three")
    assert [event["event"] for event in events(first)] == ["one"]
    assert [line.split()[2] for line in second.getvalue().splitlines()] == ["two", "three"]


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    """A closed stream or a full disk behind the log raises nothing into a delivery."""
    stream = started()
    stream.close()
    structlog.get_logger().info("x")


def test_who_does_not_read_the_log_stops_nothing() -> None:
    """A terminal that was stopped, a collector that hangs: lines are dropped, and then it is said how many."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb", buffering=0) as read, os.fdopen(writer, "w", encoding="utf-8") as stream:
        configure("INFO", "json", stream=stream)
        log = structlog.get_logger()
        for number in range(2_000):
            log.info("something", number=number)
        os.set_blocking(reader, False)
        taken = [json.loads(line)["number"] for line in (read.read(1 << 20) or b"").splitlines()]
        log.info("again")
        again, dropped = map(json.loads, (read.read(1 << 20) or b"").splitlines())
    assert taken == list(range(len(taken)))
    assert (again["event"], dropped["event"], dropped["lines"]) == ("again", "log.dropped", 2_000 - len(taken))


@pytest.mark.parametrize("length", [20, 70, 150, 301, 3_000])
def test_a_terminal_that_nobody_reads_stops_nothing(length: int) -> None:
    """It takes something while it has room for a byte; a line that breaks off spoils no other, and all are counted."""
    reader, terminal = os.openpty()
    tty.setraw(terminal)
    with os.fdopen(reader, "rb", buffering=0) as read, os.fdopen(terminal, "w", encoding="utf-8") as stream:
        configure("INFO", "json", stream=stream)
        log, seen, numbers = structlog.get_logger(), bytearray(), itertools.count()
        for number in itertools.islice(numbers, 2_000):
            log.info("something", number=number, words="x" * length)
        reading = threading.Thread(target=_read_until, args=(read, b"log.dropped", seen))
        reading.start()
        while reading.is_alive():
            log.info("something", number=next(numbers), words="")
            reading.join(0.01)
    *taken, first_again, dropped = _whole(bytes(seen))
    assert [line["number"] for line in taken] == list(range(len(taken)))
    assert len(taken) > 0
    assert (dropped["event"], dropped["lines"]) == ("log.dropped", first_again["number"] - len(taken))


def _read_until(read: io.FileIO, words: bytes, seen: bytearray) -> None:
    """Up to the end of the line that has these words."""
    while words not in seen or not seen.endswith(b"\n"):
        seen += read.read(1 << 16)


def _whole(text: bytes) -> Iterator[dict[str, Any]]:
    """The lines up to the one that says what was dropped, without the one that broke off."""
    for line in text.splitlines():
        with suppress(json.JSONDecodeError):
            event = json.loads(line)
            yield event
            if event["event"] == "log.dropped":
                return


def test_standard_error_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a stream, events go to standard error, and standard output stays for commands' answers."""
    configure("INFO", "json")
    structlog.get_logger().info("x")
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err)["event"] == "x"


CRASH = f"""
import asyncio, threading, warnings
from relay.monitoring import log
log.configure("INFO", "json", ["{TOKEN}"])
warnings.warn("{TOKEN}")
thread = threading.Thread(target=lambda: 1 / 0, name="{TOKEN}"); thread.start(); thread.join()
class Unraisable:
    def __del__(self): raise ValueError("{TOKEN}")
del [Unraisable()][0]
async def nobody_waits():
    asyncio.get_running_loop().set_exception_handler(log.loop_exception_handler)
    asyncio.get_running_loop().call_soon(lambda: [].pop())
    await asyncio.sleep(0.01)
asyncio.run(nobody_waits())
raise RuntimeError("{TOKEN}")
"""


def test_a_process_that_crashes_says_so_in_the_same_form() -> None:
    """Warnings, threads, finalizers, callbacks and the process itself end up as events, without the secret."""
    done = subprocess.run([sys.executable, "-c", CRASH], capture_output=True, text=True, check=False)
    said = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == 1
    assert TOKEN[10:] not in done.stderr
    assert [event["event"] for event in said[1:]] == [
        "thread.crashed",
        "exception.not_raised",
        "loop.exception",
        "process.crashed",
    ]
    assert said[0]["logger"] == "py.warnings"


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8).filter(
        lambda secret: len(secret.strip("\\")) >= 8
    ),
    st.lists(st.sampled_from([json.dumps, repr, urllib.parse.quote, urllib.parse.quote_plus]), max_size=2),
)
def test_a_known_secret_is_found_in_every_spelling(secret: str, spell: list[Callable[[str], str]]) -> None:
    """Raw, in JSON, in repr() and percent-encoded, and any of these twice: nothing of the secret stays."""
    spelt = secret
    for write in spell:
        spelt = write(spelt)
    redacted = redactor([secret])(f"before {spelt} after")
    assert MARK in redacted
    assert secret not in redacted.replace(MARK, "")


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126) | st.sampled_from("äя😀"), min_size=8).filter(
        lambda secret: len(secret.strip("\\")) >= 8
    ),
    st.data(),
    st.sampled_from([str, json.dumps, urllib.parse.quote]),
)
def test_a_known_secret_is_found_behind_unicode_escapes(
    secret: str, data: st.DataObject, spell: Callable[[str], str]
) -> None:
    """Some writers of JSON escape a few characters so, some all of them, in small or capital digits."""
    escaped = data.draw(st.sets(st.integers(0, len(secret) - 1), min_size=1), "escaped")
    spelt = ""
    for index, character in enumerate(secret):
        units = character.encode("utf-16-be", "surrogatepass").hex()
        codes = "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
        spelt += codes if index in escaped or character == "\\" else character
    assert MARK in redactor([secret])(f'{{"a": "{spell(spelt)}", "b": "\\u00e4"}}')


def test_what_is_no_secret_stays() -> None:
    """Times, ids, versions and ordinary words pass unchanged."""
    line = '{"timestamp": "2026-11-22T12:00:00.123456Z", "delivery": 1234, "to": "127.0.0.1:8080", "a": "12:30:15"}'
    assert redactor(SECRETS)(line) == line
    assert redactor(["", "a-long-secret"])(line) == line
    assert redactor(["pending", "event", "1234"])('{"event": "delivery.pending", "delivery": 1234}') == (
        '{"event": "delivery.pending", "delivery": 1234}'
    ), "placeholders and toy secrets are words like any other"


def test_an_event_costs_little() -> None:
    """A JSON event is cheap enough to have one for each attempt. The figure is 40 us; slack is for busy machines."""
    stream = started()
    log = structlog.get_logger()

    def microseconds() -> float:
        begun = time.process_time()
        for number in range(500):
            log.info("delivery.attempted", delivery=number, lane="123456789", attempt=1, outcome="retried", after=8.0)
        return (time.process_time() - begun) / 500 * 1e6

    assert min(microseconds() for _ in range(10)) < 80
    assert stream.getvalue()


def test_a_strangers_malformed_request_costs_one_line() -> None:
    """A traceback of 7 KB for each: thousands of them cost a stranger nothing, and us a disk."""
    from aiohttp.http_exceptions import BadStatusLine  # noqa: PLC0415 - only here

    stream = started()
    error = BadStatusLine("GET nonsense")
    logging.getLogger("aiohttp.server").error("Error handling request from %s", "1.2.3.4", exc_info=error)
    [event] = events(stream)
    assert "exception" not in event
