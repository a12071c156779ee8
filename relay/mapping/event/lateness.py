"""What reaches Kit late says when it was written: Kit shows when it came, and agents would answer as if just asked.

Late is what waited for any reason: the relay was down, or Kit was. So it is said when a message leaves. Pure.
"""

from datetime import UTC, datetime
from typing import Final

import orjson

from relay.mapping.text.language import say, speaking

#: Seconds. What is younger, Kit's own time says well enough.
LATE: Final = 5 * 60.0


def dated(body: str, written_at: float | None, now: float, language: str) -> str:
    """The body of an event, with a line above its words if these were written too long ago. Times are Unix time."""
    if written_at is None or now - written_at < LATE:
        return body
    try:
        event = orjson.loads(body)
        message = event["event_data"]["message"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return body
    with speaking(language):
        line = say("written", date=f"{datetime.fromtimestamp(written_at, UTC):%Y-%m-%d %H:%M}")
    message["text"] = f"{line}\n{message.get('text', '')}".rstrip()
    return orjson.dumps(event).decode()
