"""`relay check` starts a child and lets it try: it believes no version number."""

import pytest

from relay.doctor import children
from relay.doctor.children import check_children
from relay.media.confinement.closing import lacking
from tests.confinement.test_children import needs_kernel


@needs_kernel
async def test_all_is_well_where_a_child_can_do_nothing() -> None:
    """No file, no network."""
    found = await check_children()
    assert (found.verdict, found.remedy) == ("well", "")


@needs_kernel
async def test_what_the_kernel_lacks_is_said_with_what_it_means(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Landlock a decoder's bug could open files; and how to get it."""
    monkeypatch.setattr(children, "lacking", lambda: ["Landlock"])
    found = await check_children("tests.confinement.weak")
    assert (found.verdict, found.words) == ("wrong", "no Landlock here: a bug in a decoder could open a file")
    assert "Linux 5.19" in found.remedy


async def test_a_child_that_cannot_be_started_is_said() -> None:
    """It ends at once, with a status."""
    found = await check_children("relay.media.no_such_trial")
    assert found.verdict == "wrong"
    assert "ends at once" in found.words


@needs_kernel
def test_this_kernel_lacks_nothing() -> None:
    assert lacking() == []
