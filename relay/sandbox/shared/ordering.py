"""Whether messages arrived in the order in which they were sent, told by texts that end in `:SEQ`."""

from collections.abc import Iterable


def out_of_order(arrivals: Iterable[tuple[object, object]]) -> int:
    """How many of the (lane, text) arrivals bear a number below one that arrived before in their lane.

    Texts without a number are passed over.
    """
    highest: dict[object, int] = {}
    wrong = 0
    for lane, text in arrivals:
        sequence = str(text).rpartition(":")[2]
        if not sequence.isascii() or not sequence.isdigit():
            continue
        number = int(sequence)
        if number < highest.get(lane, -1):
            wrong += 1
        highest[lane] = max(number, highest.get(lane, -1))
    return wrong
