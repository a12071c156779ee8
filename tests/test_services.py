"""deploy/: what systemd and cron run is well-formed, allowed little, and typed as the relay understands it."""

import os
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

import pytest

from relay.settings.schema import Settings
from relay.store.engine.copies import fault_of
from tests.components import needs
from tests.databases import new_database
from tests.settings.test_settings import NEEDED

DEPLOY = Path(__file__).parents[1] / "deploy"
UNITS = sorted(path.name for path in DEPLOY.iterdir() if path.suffix in {".service", ".timer"})
RELAY = Path(sys.executable).with_name("relay")


class Unit(RawConfigParser):
    """A unit file. Of a key that is there several times the last one counts; `all_of` has all."""

    def __init__(self, name: str) -> None:
        super().__init__(strict=False, interpolation=None)
        self.text = (DEPLOY / name).read_text()
        self.read_string(self.text)

    def optionxform(self, optionstr: str) -> str:
        return optionstr

    def all_of(self, key: str) -> list[str]:
        return [line.partition("=")[2] for line in self.text.splitlines() if line.startswith(f"{key}=")]


def here(text: str, home: Path) -> str:
    """With this relay, and places under `home`, instead of those of an installation."""
    places = {
        "/opt/telegram-kit-relay/.venv/bin/relay": str(RELAY),
        "/var/lib/telegram-kit-relay": f"{home}/state",
        "/etc/telegram-kit-relay": f"{home}/etc",
    }
    for place, instead in places.items():
        text = text.replace(place, instead)
    return text


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An installation's places: settings in one, a database in the other."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / ".env").write_text("".join(f"{name}={value}\n" for name, value in NEEDED.items()))
    new_database(tmp_path / "state")
    return tmp_path


def ran(arguments: list[str] | str, home: Path, more: dict[str, str] | None = None) -> str:
    """What a command says that must do well, started as systemd and cron do: with hardly any environment."""
    done = subprocess.run(
        arguments,
        shell=isinstance(arguments, str),
        cwd=home / "etc",
        env={"PATH": os.environ["PATH"], **(more or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def backups(home: Path) -> list[Path]:
    return sorted((home / "state" / "backups").iterdir())


@needs("systemd-analyze")
@pytest.mark.parametrize("name", UNITS)
def test_systemd_has_nothing_to_say(name: str, home: Path) -> None:
    """Each unit is one, with all that it names."""
    for unit in UNITS:
        (home / unit).write_text(here((DEPLOY / unit).read_text(), home))
    done = subprocess.run(["systemd-analyze", "verify", home / name], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@needs("systemd-analyze")
def test_the_service_may_do_little() -> None:
    """Its exposure, by systemd's own measure, which goes up to 10, is below 2."""
    unit = DEPLOY / "telegram-kit-relay.service"
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=19", unit], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout.decode()[-200:]


def test_the_service_lets_the_relay_finish_and_brings_it_back() -> None:
    """It waits longer than the relay needs to stop, and does not start one again whose settings are wrong."""
    service = Unit("telegram-kit-relay.service")["Service"]
    assert int(service["TimeoutStopSec"]) >= 30
    assert (service["Restart"], service["RestartPreventExitStatus"]) == ("always", "2")
    assert service["UMask"] == "0077"


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".service")])
def test_what_a_unit_sets_is_a_setting(name: str) -> None:
    """No variable is misspelt, and all of them lead to the same place."""
    unit = Unit(name)
    variables = dict(pair.split("=", 1) for pair in unit.all_of("Environment"))
    assert {each for each in variables if each.startswith("RELAY_")} <= {each.upper() for each in Settings.model_fields}
    places = {value for each, value in variables.items() if each != "RELAY_LOG_FORMAT"}
    assert all(f"/var/lib/{unit['Service']['StateDirectory']}" in place for place in places)


def test_the_timers_command_makes_a_backup(home: Path) -> None:
    """As systemd would run it, twice: good copies of the database that the service has."""
    unit = Unit("telegram-kit-relay-backup.service")
    variables = dict(pair.split("=", 1) for pair in unit.all_of("Environment"))
    command = here(unit["Service"]["ExecStart"], home).split()
    ran(command, home, {name: here(value, home) for name, value in variables.items()})
    assert [fault_of(made) for made in backups(home)] == [None]


def test_crons_line_makes_a_backup(home: Path) -> None:
    """The command after time and user."""
    [line] = [line for line in (DEPLOY / "backup.cron").read_text().splitlines() if line[0].isdigit()]
    assert "%" not in line  # which cron takes for the end of a line
    minute, hour, *_, user, command = line.split(maxsplit=6)
    assert (minute, hour, user) == ("30", "3", "telegram-kit-relay")
    ran(here(command, home).replace("logger --tag telegram-kit-relay-backup", "cat"), home)
    assert [fault_of(made) for made in backups(home)] == [None]
