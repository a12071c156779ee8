"""What a deep link carries survives Telegram's 64 characters, and nobody else's payload is taken for one of ours."""

from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mapping.content.campaigns import (
    FIELDS,
    Touch,
    code,
    foreign,
    in_words,
    is_code,
    is_payload,
    make_touch,
    pack,
    unpack,
)

WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30)
URLS = st.builds(
    "{}://{}/{}".format,
    st.sampled_from(["https", "http", "HTTPS"]),
    st.sampled_from(["a.example", "https://b.example"]),
    WORDS,
)
VALUES = st.fixed_dictionaries({}, optional={field: URLS if field[1] == "url" else WORDS | URLS for field in FIELDS})

SALE = make_touch({("utm", "source"): "instagram", ("utm", "medium"): "story", ("utm", "campaign"): "spring-sale"})


@given(VALUES)
def test_a_touch_goes_into_a_payload_and_comes_out_as_it_was(values: dict[tuple[str, str], str]) -> None:
    """Whatever fits is read back to the letter; what does not has a code, the same one for the same touch."""
    touch = make_touch(values)
    payload = pack(touch)
    if payload is not None and touch:
        assert is_payload(payload)
        assert unpack(payload) == touch
        assert not is_code(payload)
    assert is_payload(code(touch))
    assert is_code(code(touch))
    assert unpack(code(touch)) is None
    assert code(make_touch(dict(reversed(values.items())))) == code(touch)


@given(st.from_regex(r"(u1-)?[A-Za-z0-9_-]{1,61}", fullmatch=True))
def test_any_payload_can_be_read(payload: str) -> None:
    """Whatever a link by another hand holds, it is either exactly what we would have made, or none of ours."""
    touch = unpack(payload)
    assert touch is None or pack(touch) == payload


#: Made by the first version, and printed somewhere since. Not to be edited.
OLD: dict[str, Touch] = {
    "u1-B2luc3RhZ3JhbR9zdG9yeR9zcHJpbmctc2FsZYIN": SALE,
    "u1-IHNob3AuZXhhbXBsZS9ibHVlLXNob2VzXFk": {"page": {"url": "https://shop.example/blue-shoes"}},
    "u1-BNCy0LXRgdC90LBHxg": {"utm": {"campaign": "весна"}},
}


@pytest.mark.parametrize("payload", OLD)
def test_links_that_were_printed_once_work_for_ever(payload: str) -> None:
    """A payload of the first version says what it said then."""
    assert unpack(payload) == OLD[payload]
    assert pack(OLD[payload]) == payload
    assert code(SALE) == "c1-0uvTrBqiWDspdGiI"


@pytest.mark.parametrize("payload", ["spring-sale", "u1-", "u1-B2", "u1-B2luc3RhZ3JhbR9zdG9yeR9zcHJpbmctc2FsZYIO"])
def test_a_payload_by_another_hand_is_none_of_ours(payload: str) -> None:
    """One letter off, and the check does not hold."""
    assert unpack(payload) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({("utm", "term"): "x" * 257}, "utm term has more than 256 characters"),
        ({("utm", "source"): "a\nb"}, "cannot be printed"),
        ({("utm", "source"): "a\ud800"}, "cannot be printed"),
        ({("page", "url"): "javascript:alert(1)"}, "no address"),
        ({("page", "url"): "https://"}, "no address"),
    ],
)
def test_what_no_link_should_carry_is_refused_in_words(values: dict[Any, str], words: str) -> None:
    """Kit would show it to agents, as a link even."""
    with pytest.raises(ValueError, match=words):
        make_touch(values)


@pytest.mark.parametrize(
    ("touch", "words"),
    [
        (SALE, "spring-sale, instagram, story"),
        ({"page": {"url": "https://shop.example", "title": "Shop"}}, "Shop"),
        ({"utm": {"source": "a"}, "page": {"url": "https://shop.example"}}, "a, https://shop.example"),
    ],
)
def test_an_agent_reads_the_campaign_first(touch: Touch, words: str) -> None:
    """In one line, without the names of fields."""
    assert in_words(touch) == words


def encoded(words: str) -> str:
    """As aiogram's `create_start_link(encode=True)` writes it."""
    return urlsafe_b64encode(words.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("words", "touch"),
    [
        ("promo", {"utm": {"campaign": "promo"}}),
        ("spring sale", {"utm": {"campaign": "spring sale"}}),
        ("скидка", {"utm": {"campaign": "скидка"}}),
        ("user:123456", {"utm": {"campaign": "user:123456"}}),
        ("utm_source=fb&utm_campaign=весна", {"utm": {"source": "fb", "campaign": "весна"}}),
        ("ref=5&utm_source=a", {"utm": {"source": "a", "campaign": "ref=5"}}),
        ("utm_campaign=a&ref=5", {"utm": {"campaign": "a", "content": "ref=5"}}),
        ("ref=5&x=6", {"utm": {"campaign": "ref=5&x=6"}}),
    ],
)
def test_a_payload_in_base64url_is_read(words: str, touch: Touch) -> None:
    """So others write what Telegram's alphabet does not allow; a query of utm goes into its fields."""
    assert foreign(encoded(words)) == touch


@pytest.mark.parametrize(
    "payload",
    [
        *("spring-sale", "V001", "news", "HELP", "Only", "BlackFriday", "annotate", "enciclopedia", "ref_4711", "a"),
        *("A-" * 32, encoded("a\nb"), encoded("\x00\x01"), encoded("…")),
    ],
)
def test_what_people_chose_stays_as_it_is(payload: str) -> None:
    """Some codes could be decoded by chance; nobody would know them again."""
    assert foreign(payload) == {"utm": {"campaign": payload}}


@given(st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True))
def test_any_payload_makes_a_touch_that_can_be_printed(payload: str) -> None:
    """Quickly, and never an empty one."""
    touch = foreign(payload)
    assert in_words(touch).isprintable()
    assert in_words(touch)
