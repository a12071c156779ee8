"""The words in what python-telegram-bot doesn't know."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mapping.content.unknown import texts_within


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("no key says that it is text", ""),
        ({"text": "one"}, "one"),
        ({"blocks": [{"text": "one"}, {"type": "photo", "caption": "two"}], "id": "x"}, "one\ntwo"),
        ({"text": ["a ", {"type": "bold", "text": "b"}, " c"]}, "a b c"),
        ({"text": {"type": "url", "text": "here", "url": "https://a.example"}}, "here (https://a.example)"),
        ({"text": {"type": "url", "text": "https://a.example", "url": "https://a.example"}}, "https://a.example"),
        ({"rows": [[{"text": "1"}, {"text": "2"}], [{"text": " "}, {"text": None}]]}, "1\n2"),
        ({"text": {"content": {"text": "deep"}}}, "deep"),
        ({"text": "a\0\ud83d"}, "a\ufffd"),
        ([{"text": 5}, None, True, 1.5], ""),
    ],
)
def test_every_text_is_found(raw: object, words: str) -> None:
    """Texts and captions at any depth, in their order, one a line; formatting goes, links stay."""
    assert texts_within(raw) == words


def test_depth_does_no_harm() -> None:
    """A structure deeper than anybody writes is read as far as it makes sense."""
    raw: object = {"text": "bottom"}
    for _ in range(5000):
        raw = {"text": [raw]}
    assert texts_within([{"text": "top"}, raw]) == "top"


JSON = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["text", "url", "blocks"]), inner),
)


@given(raw=JSON)
def test_any_structure_can_be_read(raw: object) -> None:
    """Whatever JSON it is, the answer is text that can be stored."""
    assert "\0" not in texts_within(raw).encode().decode()
