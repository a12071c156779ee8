"""What cannot be read costs its words, never the message. Pure."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

_Given = ParamSpec("_Given")
_Read = TypeVar("_Read")


def tried(read: Callable[_Given, _Read], *given: _Given.args, **named: _Given.kwargs) -> _Read | None:
    """What `read` makes of it; None when a value in it is none that anybody would expect.

    python-telegram-bot takes what stands in the JSON: an object may be missing where its types promise one.
    """
    try:
        return read(*given, **named)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None
