"""What commands print with `--json` is what docs/schemas says: every field is described, and none is missing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import pytest
from jsonschema import Draft202012Validator

from relay.cli import main
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.telegram.server import TelegramLookAlike
from tests.e2e.process import RelayProcess, command

SCHEMAS: Final = Path(__file__).parents[2] / "docs" / "schemas"


def schema_of(*names: str) -> dict[str, Any]:
    """The schema of a command's document."""
    found: dict[str, Any] = json.loads((SCHEMAS / f"{'-'.join(names)}.json").read_text())
    return found


def strictly(schema: Any) -> Any:
    """The same, and no field is allowed that it does not describe."""
    if isinstance(schema, list):
        return [strictly(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: strictly(each) for name, each in schema.items()}
    return {**closed, "additionalProperties": False} if isinstance(closed.get("properties"), dict) else closed


def with_json(group: click.Command, *names: str) -> Iterator[tuple[str, ...]]:
    """Every command that has --json."""
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            assert found is not None
            yield from with_json(found, *names, name)
    elif any("--json" in parameter.opts for parameter in group.params):
        yield names


@pytest.mark.parametrize("names", list(with_json(main)), ids="-".join)
def test_every_json_document_has_a_schema(names: tuple[str, ...]) -> None:
    """It is a schema itself, and says of which command."""
    schema = schema_of(*names)
    Draft202012Validator.check_schema(schema)
    assert schema["title"] == f"relay {' '.join(names)} --json"


async def printed(relay: RelayProcess, *arguments: str, of: int) -> dict[str, Any]:
    """What the command prints, which is as its schema says."""
    code, said, complained = await command(relay, *arguments, "--json")
    assert code in (0, 1, 3), complained
    document: dict[str, Any] = json.loads(said)
    schema = strictly(schema_of(*arguments[:of]))
    found = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(document)]
    assert found == [], arguments
    return document


async def test_what_commands_print_is_what_their_schemas_say(
    telegram: TelegramLookAlike, kit: KitLookAlike, relay: RelayProcess
) -> None:
    """Of a relay with dead letters, something that waits and a side that is down; and of one that is stopped."""
    anna, ben = telegram.customer(), telegram.customer(5002, first_name="Ben")
    anna.writes("hello")
    await kit.wait_for(lambda: kit.texts(anna.id))
    anna.blocks_bot(announced=False)
    await kit.agent_says(anna.id, "one")
    await kit.agent_says(anna.id, "two")
    await relay.shows("relay_dead_letters", 2)
    await relay.settled("to_kit")
    kit.faults.down = True
    ben.writes("this waits")
    await relay.unready("kit")
    client = str(anna.id)
    status = await printed(relay, "status", of=1)
    assert status["running"]
    assert status["channels"][0]["dead"]
    await printed(relay, "check", of=1)
    assert (await printed(relay, "bench", of=1))["first"]["to_telegram"] is not None
    assert {step["what"] for step in (await printed(relay, "trace", client, of=1))["steps"]} == {"came", "left", "died"}
    await printed(relay, "trace", client, "--words", of=1)
    await printed(relay, "trace", str(ben.id), of=1)
    await printed(relay, "hurry", of=1)
    await printed(relay, "link", "--source", "poster", "--page-url", "https://example.com/", of=1)
    await printed(relay, "customer", "show", client, of=2)
    await printed(relay, "customer", "block", client, of=2)
    await printed(relay, "customer", "block", str(ben.id), "--days", "2", of=2)
    assert set((await printed(relay, "customer", "blocked", of=2))["blocked"]) == {client, str(ben.id)}
    await printed(relay, "customer", "unblock", client, of=2)
    first, second = (letter["id"] for letter in (await printed(relay, "dead", "list", of=2))["letters"])
    await printed(relay, "dead", "show", str(first), "--words", of=2)
    retried = await printed(relay, "dead", "retry", str(first), "999", of=2)
    assert retried["missing"] == [999]
    await printed(relay, "dead", "drop", str(second), "--yes", of=2)
    await printed(relay, "customer", "erase", client, "--yes", of=2)
    await relay.stop()
    assert not (await printed(relay, "status", of=1))["running"]
