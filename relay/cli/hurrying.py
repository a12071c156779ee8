"""`relay hurry`: do not wait any longer."""

from pathlib import Path

import click

from relay.cli.asking import ask_relay
from relay.cli.options import settings_options
from relay.cli.printing import print_json
from relay.cli.starting import load


@click.command(short_help="Try at once what waits.")
@click.argument("client", required=False)
@click.option("--channel", help="Only of the channel with this name or bot id.", metavar="NAME")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for scripts.")
@settings_options
def hurry(
    *, client: str | None, channel: str | None, as_json: bool, env_file: Path | None, config: Path | None
) -> None:
    """Try at once what waits: everything, or what waits for CLIENT, a client id or a chat id.

    For when the cause is mended and nobody wants to wait for the next attempt. It costs no message an attempt more than
    waiting would. What Telegram has asked to wait for still waits: it would only ask for more. What is held back since
    the relay died again and again while it was on its way goes only if its CLIENT is named.
    """
    channels = load(env_file, config)
    answer = ask_relay(channels, "hurry", client=client, channel=channel)
    lanes = answer.value["lanes"]
    if as_json:
        print_json({"lanes": lanes, "running": answer.running})
        return
    if not lanes:
        click.echo("nothing waits that could be hurried")
        return
    what = f"{lanes} {'chat' if lanes == 1 else 'chats'}"
    click.echo(f"{what} tried now" if answer.running else f"{what} due when a relay runs")
