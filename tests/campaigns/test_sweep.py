"""The sweep, in short form."""

from tests.campaigns import sweep


def test_random_updates_lose_nothing() -> None:
    """Every word and every file arrives, and no name of a field is shown."""
    assert sweep.main(["--updates", "500", "--seed", "7"]) == 0


def test_the_sweep_sees_what_is_lost() -> None:
    """A word that no reader could know of counts as wrong."""
    sweeper = sweep.Sweep(1)
    raw = sweeper.update(1)
    sweeper.words.append("never sent")
    assert "never sent" in str(sweep.wrong(sweeper, raw))
