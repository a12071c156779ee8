"""Servers write the name of a file in many ways; the customer reads it as a person would."""

import pytest

from relay.telegram.told_names import told_name


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("attachment; filename=foo bar.pdf", "foo bar.pdf"),
        ('filename="y.pdf"', "y.pdf"),
        ('attachment; filename="=?UTF-8?B?0LTQvtCzLnBkZg==?="', "дог.pdf"),
        ('attachment; filename="a%20b%D0%B4.pdf"', "a bд.pdf"),
        ('attachment; filename="100%25 sure %E9.pdf"', "100%25 sure %E9.pdf"),
        ('attachment; filename="caf\udce9.pdf"', "café.pdf"),
        ("attachment; filename*=\"UTF-8''quoted%20it.pdf\"", "quoted it.pdf"),
        ("attachment; filename='single.pdf'", "single.pdf"),
        ('attachment; filename="..%2F..%2Fetc%2Fpasswd"', "passwd"),
        ("inline", ""),
        ("attachment; filename=", ""),
        ("attachment; filename*=nonsense''%E9.pdf", "é.pdf"),
        ("filename*=whole.pdf; filename*0=part.pdf", ""),
        ("=", ""),
        (";" * 100_000, ""),
        ('attachment; filename="=?nonsense?B?0LTQvtCzLnBkZg==?="', "=?nonsense?B?0LTQvtCzLnBkZg==?="),
    ],
)
def test_a_name_is_read_however_it_is_written(header: str, name: str) -> None:
    assert told_name(header) == name


def test_what_a_strict_reader_found_counts() -> None:
    assert told_name("attachment; filename=EURO.pdf; filename*=utf-8''%e2%82%ac.pdf", "€.pdf") == "€.pdf"
