"""An operation done without a relay: over the store, which is ours alone for as long as it takes."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from relay.control.office import Office, Operation, UnansweredError
from relay.errors import Unavailable
from relay.settings.channels import Channel
from relay.store.engine.lock import StoreLockedError, hold_lock
from relay.store.engine.migrating import SchemaError, is_current
from relay.store.store import open_store


class InUseError(Exception):
    """Another process holds the database, if only for a moment."""


def ask_store(channels: Sequence[Channel], operation: Operation, parameters: Mapping[str, Any]) -> object:
    """The operation's answer. Raises InUseError, RefusedError or UnansweredError."""
    path = channels[0].settings.database_path
    if not path.exists():
        raise UnansweredError(f"no relay runs, and there is no database at {path}")
    try:
        with hold_lock(path):
            current = is_current(path)
        if not current:
            raise UnansweredError(f"the database {path} has an older schema. Run: relay migrate")
        return asyncio.run(_in_store(channels, operation, parameters))
    except StoreLockedError as error:
        raise InUseError(str(error)) from None
    except (SchemaError, Unavailable, sqlite3.Error, PermissionError) as error:
        raise UnansweredError(f"the database cannot be asked: {error}") from None


async def _in_store(channels: Sequence[Channel], operation: Operation, parameters: Mapping[str, Any]) -> object:
    async with open_store(channels[0].settings.database_path) as store:
        return await operation(Office(channels, store), parameters)
