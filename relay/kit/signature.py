"""Kit's callback signature, and which of its plausible spellings a caller used. Pure.

Kit signs an event with `MD5(salt:token:event_id)` and the request that tests a new channel with `MD5(salt:token)`
(https://voximplant.com/kit/docs/channels/custom). The documentation's template is mangled, so a spaced form, words
before the digest and upper-case digits are accepted too: each of them proves the same secret.

The signature does not cover the body, and a secret-prefix MD5 can be extended: a caller must check the event id's
alphabet before it comes here.
"""

import hashlib
import hmac
import re

#: Up to two words stand before the digest, each with a colon, an equals sign or white space behind it; and quotes or
#: brackets around it: `MD5 <digest>`, `signature: <digest>`, `Signature sig="<digest>",`.
_SPELLING = re.compile(
    rb"(?P<scheme>(?:[A-Za-z][A-Za-z0-9_-]{0,31}(?:[ \t]{0,8}[:=][ \t]{0,8}|[ \t]{1,8})){0,2}"
    rb"(?:[A-Za-z0-9]{0,16}[(\[{<\"'])?)(?P<digest>[0-9A-Fa-f]{32})[)\]}>\"']?[,;.]?"
)
#: What stands between the parts that are signed.
_FORMS = (("plain", ":"), ("spaced", ": "))
_NO_DIGEST = b"\0" * 32  #: Equal to no hex digest; compared when there is none, so that all refusals cost the same.


def sign(salt: str, token: str, event_id: str) -> str:
    """The signature of an event, as 32 lower-case hex digits."""
    return _digest(f"{salt}:{token}:{event_id}")


def form_of(authorization: bytes | None, salt: str, token: str, event_id: str) -> str | None:
    """The form in which the header proves the secret for this event, e.g. `plain` or `spaced, scheme`; else None.

    Takes the header's raw bytes. An empty salt or token proves nothing, so it never matches.
    """
    return _match(authorization, (salt, token, event_id), known=bool(salt and token))


def is_shaped(authorization: bytes | None) -> bool:
    """Whether the header could be a signature at all: who sends none of that shape need not be read further."""
    return authorization is not None and _SPELLING.fullmatch(authorization.strip(b" \t")) is not None


def channel_test_form_of(authorization: bytes | None, salt: str, token: str) -> str | None:
    """Like `form_of`, for the request that tests a channel. Never authorises an event."""
    return _match(authorization, (salt, token), known=bool(salt and token))


def _digest(text: str) -> str:
    # MD5 is Kit's choice, not ours. "replace" keeps an odd salt from raising; it then simply doesn't match.
    return hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def _match(authorization: bytes | None, signed: tuple[str, ...], *, known: bool) -> str | None:
    spelling = _SPELLING.fullmatch((authorization or b"").strip(b" \t"))
    digest = spelling["digest"] if spelling else _NO_DIGEST
    lower = digest.lower()
    for form, separator in _FORMS:  # a refused digest was compared with each of them: all refusals cost the same
        if hmac.compare_digest(lower, _digest(separator.join(signed)).encode()) and spelling is not None and known:
            scheme = ", scheme" if spelling["scheme"] else ""
            return form + scheme + (", upper case" if digest != lower else "")
    return None
