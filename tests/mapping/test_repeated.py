"""What is said already is not said again, and what is part of another word is not said."""

import time

import pytest

from relay.mapping.text.repeated import says


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("Return form\nOrder No. 5", "Order\nNo. 5", True),
        ("[poll] Tea, or coffee?\n– Tea, Main St", "Main St", True),
        ("Look: see here (https://x.example)", "see here", True),
        ("spread\n over lines", "spread over  lines", True),
        ("anything", " \n", True),
        ("Notice", "No", False),
        ("Order 2\n1. shirt", "Order 21", False),
        ("Order 25", "Order 2", False),
        ("Yesterday", "Yes", False),
        ("Yesterday: yes, Yes!", "Yes", True),
        ("", "Yes", False),
    ],
)
def test_words_are_said_when_they_stand_there_as_words(text: str, words: str, said: bool) -> None:  # noqa: FBT001 - a table
    assert says(text, words) is said


def test_a_text_made_to_take_long_does_not() -> None:
    """Fifty thousand of one letter, and half as many wanted in them."""
    began = time.process_time()
    says("a " * 25_000, "a" * 12_000)
    says("a " * 25_000, "a " * 12_000 + "aa")
    says("aa" * 25_000, "a" * 12_000 + "b")
    assert time.process_time() - began < 5
