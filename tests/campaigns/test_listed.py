"""No campaign is forgotten where a change is judged."""

from pathlib import Path

from tests.campaigns.__main__ import CAMPAIGNS

#: Finds new examples for as long as one likes: what it found is a test, and it has no short form.
LONG_ONLY = {"tests.campaigns.fuzz"}


def test_every_campaign_has_a_short_form() -> None:
    """Each module here with a command line is run in short by `make campaigns`; none is listed that is not there."""
    folder = Path(__file__).parent
    commands = {
        f"tests.campaigns.{path.stem}"
        for path in folder.glob("*.py")
        if path.stem != "__main__" and "\ndef main(" in path.read_text()
    }
    commands |= {f"tests.campaigns.{path.parent.name}" for path in folder.glob("*/__main__.py")}
    listed = {campaign.module for campaign in CAMPAIGNS if campaign.module.startswith("tests.campaigns.")}
    assert listed == commands - LONG_ONLY
