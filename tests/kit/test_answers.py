"""Kit's answers are sorted by what to do next, and only `success` is believed."""

import json
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.errors import NotAccepted, RelayError, Throttled, Unavailable
from relay.kit.answers import TokenRefused, Tokens, read_answer, read_tokens
from relay.kit.requests import login_request, refresh_request, send_headers, send_path

NOW = 1_700_000_000.0
OK = b'{"success": true, "result": true}'


def failed(code: object, error: object = "no") -> bytes:
    return json.dumps({"success": False, "result": {"error": error, "code": code}}).encode()


def judge(status: int, body: bytes, headers: dict[str, str] | None = None) -> type[RelayError] | None:
    """The exact class of error that an answer means; None when it was accepted."""
    try:
        read_answer(status, headers or {}, body, now=NOW)
    except RelayError as error:
        return type(error)
    return None


@pytest.mark.parametrize("body", [OK, b'{"success":true,"result":false}', b'{"success":true}'])
@pytest.mark.parametrize("status", [200, 201, 204])
def test_success_is_success_whatever_the_result_says(status: int, body: bytes) -> None:
    """Kit's `result` is not to be trusted; `success` in a 2xx is."""
    assert judge(status, body) is None


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, b"", TokenRefused),
        (403, b"", TokenRefused),
        (403, b" <html>", Unavailable),
        (401, b"<!DOCTYPE html>", Unavailable),
        (401, OK, TokenRefused),
        (200, failed(401), TokenRefused),
        (200, failed(403), TokenRefused),
        (200, failed("401"), TokenRefused),
        (400, failed(401), TokenRefused),
        (429, b"", Throttled),
        (200, failed(429), Throttled),
        (400, failed(429), Throttled),
        (408, b"", Unavailable),
        (425, b"", Unavailable),
        (500, failed(1), Unavailable),
        (502, b"<html>", Unavailable),
        (503, OK, Unavailable),
        (200, failed(500), Unavailable),
        (200, failed(503), Unavailable),
        (400, failed(502), Unavailable),
        (301, b"", Unavailable),
        (304, b"", Unavailable),
        (404, failed(1), Unavailable),
        (405, b"", Unavailable),
        (410, b"", Unavailable),
        (200, b"", Unavailable),
        (200, b"<html>maintenance</html>", Unavailable),
        (200, b'{"success":', Unavailable),
        (200, b"[]", Unavailable),
        (200, b"null", Unavailable),
        (200, b"{}", Unavailable),
        (200, b'{"success": "true"}', Unavailable),
        (200, b'{"success": 1}', Unavailable),
        (200, b"[" * 60_000, Unavailable),
        (200, b'{"a":' * 20_000, Unavailable),
        (400, failed(1), NotAccepted),
        (413, failed(1), NotAccepted),
        (422, failed(7), NotAccepted),
        (200, failed(400), NotAccepted),
        (200, failed(404), NotAccepted),
        (200, failed(None), NotAccepted),
        (200, failed([401]), NotAccepted),
        (200, failed(1001), NotAccepted),
        (200, b'{"success": false}', NotAccepted),
        (200, b'{"success": false, "result": false}', NotAccepted),
        (200, b'{"success": false, "result": "bad"}', NotAccepted),
    ],
)
def test_each_failure_says_what_to_do_next(status: int, body: bytes, error: type[RelayError]) -> None:
    """Renew the token, wait, try again, or give up: by status or by the code in the body."""
    assert judge(status, body) is error


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("headers", "body"), [({}, b"\n<html>Blocked</html>"), ({"content-type": "text/HTML; charset=utf-8"}, b"Blocked")]
)
def test_a_page_in_kits_place_says_nothing_of_the_token(status: int, headers: dict[str, str], body: bytes) -> None:
    """A firewall's 403 sends nobody to look for another token."""
    with pytest.raises(Unavailable, match=f"a page that is not Kit's, status {status}: look at the firewall") as caught:
        read_answer(status, headers, body, now=NOW)
    assert not isinstance(caught.value, TokenRefused)


PAGES = {
    "nothing": b"",
    "a page": b"<html><head><title>406 Not Acceptable</title></head></html>",
    "a success": OK,
    "another's JSON": b'{"message": "Forbidden", "error": {"code": 15}}',
    "a list": b'[{"success": false}]',
    "a word": b'{"success": "false"}',
    "cut off": failed(7)[:-1],
}


@pytest.mark.parametrize("body", PAGES.values(), ids=PAGES.keys())
def test_what_is_not_kits_own_refusal_is_an_outage(body: bytes) -> None:
    """A proxy's, a load balancer's or a firewall's answer says nothing about a message, whatever its status."""
    for status in range(400, 600):
        error = judge(status, body)
        assert error is not None
        assert issubclass(error, Unavailable), status


def test_an_answer_that_is_not_kits_names_who_to_ask() -> None:
    """The operator reads where to look."""
    with pytest.raises(Unavailable, match="look at what stands between the relay and Kit"):
        read_answer(406, {}, PAGES["a page"], now=NOW)


def test_kits_words_are_kept_short_and_on_one_line() -> None:
    """A refusal quotes at most 200 characters of Kit's error, without line breaks, controls or our secrets."""
    with pytest.raises(NotAccepted) as caught:
        read_answer(200, {}, failed(7, "bad\r\nfield\x00 \u202etoken-1 " + "x" * 900), now=NOW, secrets=("token-1",))
    text = str(caught.value)
    assert "code 7: bad field *** xxx" in text
    assert len(text) < 260
    assert text.isprintable()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("7.5", 7.5),
        (" 30 ", 30),
        ("0", 1),
        ("999999", 3600),
        ("9" * 400, 3600),
        ("", 5),
        ("-3", 5),
        ("soon", 5),
        ("inf", 5),
        ("nan", 5),
        ("\u0663", 5),
        ("Fri, 99 Nov 2026 99:99:99 GMT", 5),
        (format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True), 90),
        (datetime.fromtimestamp(NOW + 90, UTC).strftime("%a, %d %b %Y %H:%M:%S -0000"), 90),
        (format_datetime(datetime.fromtimestamp(NOW - 90, UTC), usegmt=True), 1),
        (format_datetime(datetime.fromtimestamp(NOW + 90_000, UTC), usegmt=True), 3600),
    ],
)
def test_retry_after_is_obeyed_within_reason(header: str, seconds: float) -> None:
    """Seconds or an HTTP date, between a second and an hour; what cannot be read is five seconds."""
    with pytest.raises(Throttled) as caught:
        read_answer(429, {"retry-AFTER": header}, b"", now=NOW)
    assert caught.value.retry_after == seconds


def test_a_date_counts_from_when_the_answer_was_made() -> None:
    """By the clock of who says both: a relay whose machine is an hour behind waits no hour for it."""
    said, until = (format_datetime(datetime.fromtimestamp(at, UTC), usegmt=True) for at in (NOW + 3600, NOW + 3690))
    with pytest.raises(Throttled) as caught:
        read_answer(429, {"Date": said, "Retry-After": until}, b"", now=NOW)
    assert caught.value.retry_after == 90


def test_without_retry_after_it_is_five_seconds() -> None:
    """A 429 that does not say how long means five seconds."""
    with pytest.raises(Throttled) as caught:
        read_answer(429, {"Date": "x"}, b"", now=NOW)
    assert caught.value.retry_after == 5


@given(status=st.integers(100, 599), body=st.binary(max_size=60), retry_after=st.text(max_size=20))
def test_no_answer_is_more_than_accepted_or_an_error(status: int, body: bytes, retry_after: str) -> None:
    """Random bytes raise only the relay's own errors; nothing but an object with `success: true` is success."""
    if b'"success"' in body:
        return
    assert judge(status, body, {"Retry-After": retry_after}) in {
        TokenRefused,
        Throttled,
        Unavailable,
        NotAccepted,
    }


def tokens(result: object, status: int = 200) -> Tokens:
    return read_tokens(status, {}, json.dumps({"success": True, "result": result}).encode(), now=NOW)


def test_a_login_gives_two_tokens() -> None:
    """Access and refresh token come out as they are; a missing refresh token only means a login later."""
    assert tokens({"access_token": "a.b+/=", "refresh_token": "r"}) == Tokens("a.b+/=", "r")
    assert tokens({"access_token": "a"}) == Tokens("a", None)


@pytest.mark.parametrize(
    "result", [None, True, [], {}, *({"access_token": bad} for bad in (None, 5, "", "a\r\nX: y", "ä"))]
)
def test_a_login_without_a_usable_token_is_no_login(result: object) -> None:
    """A token that is missing, or that would break out of a header, is refused."""
    with pytest.raises(Unavailable):
        tokens(result)


def test_a_refused_login_is_told_like_any_answer() -> None:
    """Tokens are read only from an accepted answer."""
    with pytest.raises(TokenRefused):
        tokens({"access_token": "a"}, status=401)


def test_requests_are_spelled_as_kits_own_client_spells_them() -> None:
    """Query and form values are percent-encoded; an event goes to the channel's address as a bearer's JSON."""
    login = login_request("acme&co", "t+/=", "c-1/2")
    assert (login.method, login.path_and_query) == (
        "POST",
        "/api/v3/botService/login?domain=acme%26co&access_token=t%2B%2F%3D",
    )
    assert login.body == b"channel_uuid=c-1%2F2"
    assert login.headers["Content-Type"] == "application/x-www-form-urlencoded"
    refresh = refresh_request("r+1")
    assert (refresh.path_and_query, refresh.body) == ("/api/v3/botService/refreshToken", b"refresh_token=r%2B1")
    assert "Authorization" not in refresh.headers
    assert send_path("c-1/2") == "/c-1%2F2"
    assert send_headers("tok")["Authorization"] == "Bearer tok"
    assert "t+/=" not in repr(login)
    assert "tok" not in repr(Tokens("tok", "tok"))
