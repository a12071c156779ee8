"""An operation done without a relay: over the store, which is ours alone for as long as it takes."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from relay.control.operation import Operation, OperationContext, UnansweredError
from relay.errors import Unavailable
from relay.settings.channels import Channel
from relay.store.engine.lock import StoreLockedError, hold_lock
from relay.store.engine.migrating import SchemaError, is_current
from relay.store.store import open_store


class InUseError(Exception):
    """Another process holds the database, if only for a moment."""


def ask_store(channels: Sequence[Channel], operation: Operation, parameters: Mapping[str, Any]) -> object:
    """The operation's answer. Raises InUseError, RefusedError or UnansweredError."""
    place = channels[0].settings.database
    try:
        if isinstance(place, Path):
            _look_at(place)
        return asyncio.run(_in_store(channels, operation, parameters))
    except StoreLockedError as error:
        raise InUseError(str(error)) from None
    except (SchemaError, Unavailable, sqlite3.Error, DBAPIError, PermissionError) as error:
        raise UnansweredError(f"the database cannot be asked: {error}") from None


def _look_at(path: Path) -> None:
    """Raise what stands in the way of asking the file at `path`."""
    if not path.exists():
        raise UnansweredError(f"no relay runs, and there is no database at {path}")
    with hold_lock(path):
        current = is_current(path)
    if not current:
        raise UnansweredError(f"the database {path} has an older schema. Run: relay migrate")


async def _in_store(channels: Sequence[Channel], operation: Operation, parameters: Mapping[str, Any]) -> object:
    async with open_store(channels[0].settings.database, duties=None) as store:
        return await operation(OperationContext(channels, store), parameters)
