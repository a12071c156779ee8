"""The operations on one customer: what is kept about them, all of it as it is stored, and its end."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import structlog

from relay.control.operation import OperationContext, RefusedError
from relay.media.conversion.converter import cache_key
from relay.settings.channels import Channel
from relay.settings.schema import Settings
from relay.store.customers import Page, Past, Whose
from relay.store.engine.copies import copies_of, force_to_disk
from relay.store.engine.erased import Erased, ErasedListError, enter, list_of, read_list, take_in
from relay.store.limits import FOREVER, Block
from relay.store.store import Store

log = structlog.get_logger()


async def customer_show(context: OperationContext, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """How many rows of each table speak of `client`."""
    channel, whose = _whose(context, parameters)
    return {"channel": channel.label, "client": whose.client_id, "rows": await context.store.count_customer(whose)}


async def customer_rows(context: OperationContext, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Rows of one `table`, from the one number `after` on, as they are stored."""
    _, whose = _whose(context, parameters)
    page = Page(whose, str(parameters["table"]), int(parameters.get("after", 0)))
    return {"rows": await context.store.read_customer(page)}


async def customer_erase(context: OperationContext, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Erase everything that is kept about `client`: rows, converted files, and copies from before upgrades."""
    channel, whose = _whose(context, parameters)
    settings = channel.settings
    rows = await context.store.count_customer(whose)
    erased = list_of(settings.database, settings.relay_data_dir)
    try:  # before anything goes: an end at any moment leaves nobody who is erased here and comes back with a backup
        enter(erased, whose.channel, whose.client_id, time.time())
        await have_list_in_common(context.store, erased)
    except ErasedListError as error:
        raise RefusedError(f"nothing was erased: {error}") from None
    await context.store.ask_erasure(whose)
    removed = await erase(context.store, settings, whose)
    log.info("customer.erased", rows=sum(rows.values()), files=len(removed))
    return {"channel": channel.label, "client": whose.client_id, "rows": rows, "files": removed}


async def customer_block(context: OperationContext, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Take nothing more of `client` until the Unix time `until`; without it, for ever."""
    channel, whose = _whose(context, parameters)
    until = float(parameters.get("until") or FOREVER)
    if not await context.store.block(Block(whose, until)):
        raise RefusedError(f"nobody with the client id {whose.client_id} has written to this bot")
    log.info("customer.blocked", client=whose.client_id, until=until)
    return {"channel": channel.label, "client": whose.client_id, "until": None if until == FOREVER else until}


async def customer_unblock(context: OperationContext, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Take again what `client` writes."""
    channel, whose = _whose(context, parameters)
    was_blocked = whose.client_id in await context.store.find_blocked(channel.key)
    if not await context.store.block(Block(whose, None)):
        raise RefusedError(f"nobody with the client id {whose.client_id} has written to this bot")
    log.info("customer.unblocked", client=whose.client_id)
    return {"channel": channel.label, "client": whose.client_id, "was_blocked": was_blocked}


async def customer_blocked(context: OperationContext, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Who is blocked, and until when; `null`: for ever."""
    channel = context.channel(parameters.get("channel"))
    found = await context.store.find_blocked(channel.key)
    ends = {client: None if until == FOREVER else until for client, until in found.items()}
    return {"channel": channel.label, "blocked": ends}


async def have_list_in_common(store: Store, erased: Path) -> None:
    """Let the other relays on the database know whom the list at `erased` names, and enter there whom theirs name.

    Raises ErasedListError.
    """
    if store.is_shared:
        take_in(erased, Erased(await store.have_erased_in_common(read_list(erased).lists)))


async def mark_again(store: Store, erased: Path) -> int:
    """Mark whoever is in the list of the erased and has rows from before: this is a copy from before that. How many.

    Raises ErasedListError.
    """
    listed = read_list(erased)
    marked: set[Whose] = set()
    after: tuple[int, int] | None = (0, 0)
    while listed.lists and after is not None:
        part = await store.known_customers(after)
        for whose in part.customers:
            asked_at = listed.asked_at(whose.channel, whose.client_id)
            if asked_at is not None and await store.ask_again(Past(whose, asked_at)):
                marked.add(whose)
        after = part.after
    return len(marked)


async def erase(store: Store, settings: Settings, whose: Whose) -> list[str]:
    """Erase a customer who is marked: files, rows part by part, and the bytes. Returns the files that were removed.

    The mark goes last, so that after a crash a start does what is still to be done. The rows say which files there are,
    so these go first; and again, since a browser may have had one converted meanwhile. Copies of the whole database
    from before upgrades hold everybody's words: they go when nobody's rows wait for them any more. Raises OSError for
    what cannot be removed.
    """
    cache = settings.relay_data_dir / "media-cache"
    converted = [cache / cache_key(*file) for file in await store.converted_files(whose)]
    removed = _remove(converted)
    while await store.erase_part(whose):
        pass
    removed += _remove(converted)
    await store.remove_bytes()
    removed += _remove(copies_of(settings.database))
    await store.end_erasure(whose)
    return removed


def _whose(context: OperationContext, parameters: Mapping[str, Any]) -> tuple[Channel, Whose]:
    channel = context.channel(parameters.get("channel"))
    client = parameters.get("client")
    if not isinstance(client, str) or not client:
        raise RefusedError("say which client")
    return channel, Whose(channel.key, client)


def _remove(files: Iterable[Path]) -> list[str]:
    """Remove those that are there, for good; which."""
    there = [file for file in files if file.is_file()]
    for file in there:
        file.unlink()
    for directory in {file.parent for file in there}:
        force_to_disk(directory)
    return [str(file) for file in there]
