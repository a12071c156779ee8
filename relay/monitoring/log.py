"""How the relay speaks to its operator: one event is one line, and no line holds a secret.

Our own events go through structlog alone, which is fast; what libraries send to `logging`, warnings and crashes take
the same way. Redaction comes last, on the finished line: see relay.redaction. On the console a traceback follows its
event in indented lines; in JSON it is a field.
"""

import asyncio
import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from functools import lru_cache
from types import TracebackType
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor

from relay.monitoring.log_output import Output
from relay.monitoring.redaction import redactor

#: They tell what the relay tells better; at DEBUG one may want to see them all the same.
_TALKATIVE: Final = ("httpx", "httpcore")
#: At DEBUG and INFO they would show rows and messages, which are customers' words: never.
_INDISCREET: Final = ("aiosqlite", "sqlalchemy", "telegram", "telegram.Bot")
#: Media links are capabilities, and an access log would hold them.
_OFF: Final = ("aiohttp.access",)

_COLOURS: Final = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "1;31"}
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/@+,-")

#: Tells the fields that the lines of a task have beside their own. It is asked only when one is written.
FIELDS: Final[ContextVar[Callable[[], Mapping[str, object]]]] = ContextVar("FIELDS")

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

#: The process has one, so that loggers that structlog has cached follow `configure`.
_OUTPUT: Final = Output(lambda lines: _log.warning("log.dropped", lines=lines))
_PROCESSORS: Final[list[Processor]] = []  # one list, for the same reason


class _FromLogging(logging.Handler):
    """What libraries log joins our own events."""

    def __init__(self) -> None:
        super().__init__()
        self._log = structlog.get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        exc_info = record.exc_info
        if exc_info and type(exc_info[1]).__module__ == "aiohttp.http_exceptions":
            exc_info = None  # a stranger's malformed request: a line will do, and thousands come for free
        try:
            self._log.log(level, record.getMessage(), logger=record.name, exc_info=exc_info)
        except Exception:  # noqa: BLE001 - somebody else's arguments; logging would print them, secrets included
            self._log.error("log.unreadable", logger=record.name, line=record.lineno)


def configure(
    level: str, fmt: Literal["console", "json"], secrets: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Set up logging for the process, once, before the first event. Without a stream: standard error, as it is then.

    A second call changes everything but the level of loggers that were already used.
    """
    terminal = (stream or sys.stderr).isatty()
    render = _json if fmt == "json" else _coloured if terminal else _plain
    _OUTPUT.stream = stream
    _PROCESSORS[:] = [
        structlog.contextvars.merge_contextvars,  # the channel, where there are several
        add_fields,
        _add_traceback,
        _finish(render, redactor(secrets)),
    ]
    structlog.configure(
        processors=_PROCESSORS,
        wrapper_class=_logger_class(level),
        logger_factory=lambda *_: _OUTPUT,
        cache_logger_on_first_use=True,
    )
    _take_over_logging(level.upper())
    _take_over_crashes()


def _logger_class(level: str) -> type[structlog.typing.FilteringBoundLogger]:
    """The one of structlog; but it gathers the fields of a line once, and not from hand to hand."""
    least = logging.getLevelNamesMapping()[level.upper()]
    methods = {
        name: _method(name)
        for name in ("debug", "info", "warning", "error", "critical")
        if logging.getLevelNamesMapping()[name.upper()] >= least
    }
    return type("Logger", (structlog.make_filtering_bound_logger(level),), methods)


def _method(name: str) -> Callable[..., None]:
    def write(self: structlog.BoundLoggerBase, event: str, **fields: object) -> None:
        line: Any = {**self._context, **fields, "event": event}
        try:
            for process in self._processors:
                line = process(self._logger, name, line)
        except structlog.DropEvent:
            return
        getattr(self._logger, name)(line)

    return write


def loop_exception_handler(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """For `loop.set_exception_handler`: an exception that nobody awaited."""
    _log.error("loop.exception", message=context.get("message"), exc_info=context.get("exception"))


def _take_over_logging(level: str) -> None:
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if not isinstance(handler, _FromLogging)]
    root.addHandler(_FromLogging())
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.NOTSET if level == "DEBUG" else logging.WARNING)
    for name in _INDISCREET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _OFF:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    logging.captureWarnings(capture=True)


def _take_over_crashes() -> None:
    sys.excepthook = _process_crashed
    threading.excepthook = _thread_crashed
    sys.unraisablehook = _not_raised


def _process_crashed(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        _log.warning("process.interrupted")
    else:
        _log.critical("process.crashed", exc_info=(kind, error, traceback))


def _thread_crashed(crash: threading.ExceptHookArgs) -> None:
    name = crash.thread.name if crash.thread else None
    _log.critical("thread.crashed", thread=name, exc_info=crash.exc_value)


def _not_raised(unraisable: "sys.UnraisableHookArgs") -> None:
    _log.error("exception.not_raised", exc_info=unraisable.exc_value)


def add_fields(_logger: object, _method: str, event: EventDict) -> EventDict:
    """A processor of structlog's: adds what `FIELDS` says, where the line does not say it itself."""
    if (fields := FIELDS.get(None)) is not None:
        for name, value in fields().items():
            event.setdefault(name, value)
    return event


def _add_traceback(logger: object, method: str, event: EventDict) -> EventDict:
    return structlog.processors.format_exc_info(logger, method, event) if "exc_info" in event else event


def _finish(render: Callable[[EventDict], str], redact: Callable[[str], str]) -> Processor:
    def finish(_logger: object, level: str, event: EventDict) -> str:
        head = {"timestamp": _timestamp(), "level": level, "event": event.pop("event")}
        return redact(render({**head, **event, **head}))  # first, and no field takes their place

    return finish


def _timestamp() -> str:
    seconds, microseconds = divmod(time.time_ns() // 1000, 1_000_000)
    return f"{_to_the_second(seconds)}.{microseconds:06}Z"


@lru_cache(maxsize=1)
def _to_the_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


# Made once: `json.dumps` with arguments makes an encoder at each call.
_json: Final = json.JSONEncoder(default=repr, skipkeys=True).encode


def _coloured(event: EventDict) -> str:
    level = event["level"]
    return _console(event, f"\x1b[{_COLOURS[level]}m{level:<8}\x1b[0m")


def _plain(event: EventDict) -> str:
    return _console(event, f"{event['level']:<8}")


def _console(event: EventDict, level: str) -> str:
    del event["level"]
    head = f"{event.pop('timestamp')} {level} {_visible(str(event.pop('event')))}"
    traceback = event.pop("exception", None)
    line = " ".join([head, *(f"{key}={_value(value)}" for key, value in event.items())])
    if traceback is None:
        return line
    return "\n    ".join([line, *map(_visible, str(traceback).split("\n"))])


def _value(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    if text and _PLAIN.issuperset(text):
        return text
    return repr(text) if isinstance(value, str) else _visible(text)


def _visible(text: str) -> str:
    """Line breaks, escape sequences and other invisible characters by their codes: no value can forge a line."""
    return text if text.isprintable() else repr(text)[1:-1]
