"""What the terminal shows and takes: a question with what is there, a finding, which answer to give again."""

from typing import Final

import click

from relay.doctor.finding import MARKS, Finding
from relay.settings.loading import SettingsError
from relay.setup.questions import Question, end_of, read_answer

_COLOURS: Final = {"well": "green", "wrong": "red", "skipped": "yellow"}


def ask(question: Question, offered: str) -> dict[str, str]:
    """The settings that the answer fills; Enter keeps what is `offered`, if anything is."""
    click.echo(click.style(question.where, dim=True))
    end = end_of(offered)
    kept = f"the one that ends in {end}" if end else "the one that is set"
    hint = f" [Enter keeps {kept}]" if question.secret and offered else ""
    while True:
        text = click.prompt(
            question.prompt + hint,
            default=offered or None,
            hide_input=question.secret,
            show_default=not question.secret,
        )
        try:
            answer = read_answer(question, str(text))
        except SettingsError as error:
            trouble(error.lines[0])
            continue
        if question.secret:
            _echo_end(answer[question.field])
        return answer


def _echo_end(secret: str) -> None:
    """Nobody sees what they typed; so they can see that it is what they meant."""
    if end := end_of(secret):
        click.echo(click.style(f"{end} ({len(secret)} characters)", dim=True))


def ask_which_again(question: Question) -> Question | None:
    """Which answer is to be given again after one did not prove right; None: it is to be used all the same."""
    if not question.also:
        return None if click.confirm("Use it all the same?", default=False) else question
    doubtful = (question, *question.also)
    for number, each in enumerate(doubtful, 1):
        click.echo(f"  {number}  {each.prompt}")
    click.echo("  0  None: use them all the same")
    number = click.prompt("Which one to give again?", type=click.IntRange(0, len(doubtful)), default=1)
    return doubtful[number - 1] if number else None


def title(text: str) -> None:
    """Begin a part of the conversation."""
    click.secho(f"\n{text}", bold=True)


def show(finding: Finding) -> None:
    """One line."""
    click.secho(f"{MARKS[finding.verdict]} {finding.name}: {finding.line}", fg=_COLOURS[finding.verdict])


def trouble(line: str) -> None:
    """One line of what must be mended."""
    click.secho(f"{MARKS['wrong']} {line}", fg="red")
