"""The sweep, in short form."""

from itertools import islice

from relay.mapping.content.kinds import KINDS
from tests.campaigns import sweep
from tests.campaigns.writer import CONTENTS, SAMPLES, Writer

#: Kinds that only a group's or a channel's chat can hold, or that come in other updates than messages.
_ELSEWHERE = frozenset({"channel_chat_created", "group_chat_created", "supergroup_chat_created", "delete_chat_photo"})


def test_random_updates_lose_nothing() -> None:
    """Every word and every file arrives, and no name of a field is shown."""
    assert sweep.main(["--updates", "500", "--seed", "7"]) == 0


def test_the_sweep_sees_what_is_lost() -> None:
    """A word or a file that no reader could know of counts as wrong, and so does what comes to nothing."""
    messages = [each for each in islice(sweep.Sweep(1).updates(), 50) if not each.group and not each.may_decline]
    messages[0].words.append("never sent")
    messages[1].files.append("never sent either")
    judge = sweep.Judge()
    assert [update for update in messages[2:] if judge.wrong(update)] == []
    assert "lost ['never sent']" in str(judge.wrong(messages[0]))
    assert "lost ['never sent either']" in str(judge.wrong(messages[1]))
    messages[2].raw = {"update_id": 1, "poll_answer": {"poll_id": "5", "option_ids": []}}
    assert "declined" in str(judge.wrong(messages[2]))


def test_the_sweep_writes_every_kind_that_has_a_sample() -> None:
    """What the library knows of messages in private is written, or is nothing that a customer's chat can hold."""
    writer = Writer(3)
    written = {field for make in CONTENTS for _ in range(300) for field in make(writer)}
    written |= {field for content in SAMPLES.values() for field in content}
    missing = {kind for kind in KINDS if kind not in written} - _ELSEWHERE
    assert missing == set()
