"""Who knows the salt and the token is Kit; nobody else is."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.kit.signature import channel_test_form_of, form_of, sign

SALT, TOKEN, EVENT = "S3cr3t-salt", "api-token-1", "evt-text-0001"
RIGHT = "be99525907d88015990c44c781af19d8"
RIGHT_TEST = "35d32e79bc70ab6f7160c4a21f630eeb"  #: Of the request that tests the channel, as Kit's client makes it.
SPACED = hashlib.md5(b"S3cr3t-salt: api-token-1: evt-text-0001", usedforsecurity=False).hexdigest()


def test_signs_as_the_recorded_samples_do() -> None:
    """Our digest of a known event is the one that Kit's client makes."""
    assert sign(SALT, TOKEN, EVENT) == RIGHT


@pytest.mark.parametrize(
    ("header", "form"),
    [
        (RIGHT, "plain"),
        (RIGHT.upper(), "plain, upper case"),
        (f"  {RIGHT}\t", "plain"),
        (f"MD5 {RIGHT}", "plain, scheme"),
        (f"Bearer   {RIGHT.upper()}", "plain, scheme, upper case"),
        (SPACED, "spaced"),
        (f"Token {SPACED}", "spaced, scheme"),
        (f"signature {RIGHT}", "plain, scheme"),
        (f"signature: {RIGHT}", "plain, scheme"),
        (f"signature:{RIGHT}", "plain, scheme"),
        (f"Signature : {RIGHT.upper()}", "plain, scheme, upper case"),
        (f"signature={SPACED}", "spaced, scheme"),
        (f"Signature: MD5 {RIGHT}", "plain, scheme"),
        (f'signature="{RIGHT}"', "plain, scheme"),
        (f"'{RIGHT}'", "plain, scheme"),
        (f"MD5({RIGHT})", "plain, scheme"),
    ],
)
def test_accepts_each_spelling_that_proves_the_secret(header: str, form: str) -> None:
    """Bare, behind words, quoted, in upper case and in the documentation's spaced form; the answer names which."""
    assert form_of(header.encode(), SALT, TOKEN, EVENT) == form


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b" ",
        b"MD5",
        b"MD5 ",
        RIGHT[:-1].encode(),
        RIGHT.encode() + b"0",
        RIGHT.encode() + b"\n",
        b"0" * 32,
        b"\0" * 32,
        b"\xff" * 32,
        b"\xd0\x9c\xd0\x945 " + RIGHT.encode(),
        b"these three words " + RIGHT.encode(),
        b"signature:: " + RIGHT.encode(),
        b"signature: " + RIGHT.encode() + b"0",
        b"signature: " + b"0" * 32 + b" " + RIGHT.encode(),
        b"signature" + b" " * 9 + RIGHT.encode(),
        b"x" * 10_000,
        RIGHT_TEST.encode(),
        sign(SALT, TOKEN, "evt-text-0002").encode(),
        sign(SALT, "api-token-2", EVENT).encode(),
    ],
)
def test_refuses_what_proves_nothing(header: bytes | None) -> None:
    """A missing, odd, foreign or test signature is refused without an exception."""
    assert form_of(header, SALT, TOKEN, EVENT) is None


@given(header=st.binary(max_size=80))
def test_no_header_raises(header: bytes) -> None:
    """Whatever bytes stand in the header, the answer is a plain no."""
    assert form_of(header, SALT, TOKEN, EVENT) is None
    assert channel_test_form_of(header, SALT, TOKEN) is None


@given(salt=st.text(max_size=8), token=st.text(max_size=8))
def test_an_unknown_secret_opens_nothing(salt: str, token: str) -> None:
    """Without salt or token the digest is public knowledge, so it is refused; with both it is accepted."""
    header = sign(salt, token, EVENT).encode()
    assert (form_of(header, salt, token, EVENT) is not None) is bool(salt and token)


def test_the_channel_test_has_its_own_signature() -> None:
    """The test's signature proves the test, in the same spellings, and nothing else does."""
    assert channel_test_form_of(RIGHT_TEST.encode(), SALT, TOKEN) == "plain"
    assert channel_test_form_of(f"MD5 {RIGHT_TEST.upper()}".encode(), SALT, TOKEN) == "plain, scheme, upper case"
    assert channel_test_form_of(RIGHT.encode(), SALT, TOKEN) is None
    assert channel_test_form_of(RIGHT_TEST.encode(), "", "") is None
