"""File names that strangers chose, made fit for headers. Never used as a path."""

import re
from typing import Final

from relay.media.types import ending_of

MAX_NAME: Final = 120  #: Characters. Telegram itself keeps about as many.

#: Controls and lone surrogates, and the marks that turn reading direction (so that "gpj.exe" reads "exe.jpg").
_UNFIT: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ENDING: Final = re.compile(r"\.(?=[0-9]*[A-Za-z])[A-Za-z0-9]{1,10}$")
#: Endings in links that say nothing of the file: of what makes it, or of any bytes.
_SCRIPTS: Final = (
    *(".php", ".asp", ".aspx", ".ashx", ".jsp", ".jspx", ".cgi", ".fcgi", ".do", ".action", ".cfm", ".axd", ".pl"),
    *(".bin", ".dat", ".tmp", ".blob"),
)
_UPLOAD: Final = str.maketrans({'"': "'", ";": ",", "\\": "_", "/": "_"})


def fit_name(name: str, *, default: str = "file") -> str:
    """The name without what could forge a header or deceive a reader; cut, with its ending kept; never empty."""
    fit = " ".join(_UNFIT.sub("", name).split())
    if len(fit) > MAX_NAME:
        stem, dot, ending = fit.rpartition(".")
        fit = fit[:MAX_NAME] if not dot or len(ending) > 10 else f"{stem[: MAX_NAME - len(ending) - 1]}.{ending}"
    fit = fit.strip()
    return fit if fit.strip(".") else default


def best_name(name: str, *, is_guess: bool, told: str, media_type: str, default: str = "file") -> str:
    """What a file is called: as who sends it says, else as its server has `told`, else as its link ends (a guess).

    A name without an ending gets the usual one of its type, and so does a guess that only names a script.
    """
    best = fit_name(told, default=name) if is_guess and told else name
    is_script = is_guess and not told and best.lower().endswith(_SCRIPTS)
    if _ENDING.search(best) and not is_script:
        return best
    ending = ending_of(media_type)
    stem = best.rpartition(".")[0] if is_script and ending else best
    return fit_name((stem or best)[: MAX_NAME - len(ending)] + ending, default=default)


def upload_name(name: str) -> str:
    """A name as Telegram's multipart reader takes it.

    That reader ends a value at the first semicolon, quoted or not, and unescapes nothing, so that a file named
    `a;name=chat_id` would rename its own form field. The four characters it cannot be given are replaced.
    https://github.com/tdlib/td/blob/master/tdnet/td/net/HttpReader.cpp (parse_multipart_form_data)
    """
    return fit_name(name.translate(_UPLOAD))
