"""What is read when something does not get through: by the agent a note, by the customer a line in the file's place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.kit.models import SendEvent
from relay.mapping.event.events import KitContext
from relay.mapping.failure.undelivered import instead_of, note_of
from relay.mapping.text.text import clean
from relay.model import Address, Client
from relay.steps import SendAlbum, SendContact, SendFile, SendLocation, SendText, SendVenue, Step
from tests.words.catalogues import LANGUAGES, messages

ANNA = Client("7", Address(7), profile={"client_display_name": "Anna"})
URL = "https://files.example/a.pdf"
FILE = SendFile("document", URL, "a.pdf", "Here it is")
REASONS = sorted(name.removeprefix("reason.") for name in messages("en") if name.startswith("reason."))


def context(language: str = "en") -> KitContext:
    return KitContext("777", "https://relay.example", lambda: "id", language=language)


def note(steps: list[Step], why: str, reason: str = "", mark: str = "1.1", language: str = "en") -> SendEvent:
    told = note_of(context(language), mark, steps, why, reason)(ANNA)
    assert told is not None
    draft = told.draft
    assert (draft.direction, draft.client_id) == ("to_kit", "7")
    event = SendEvent.model_validate_json(draft.body)
    assert json.loads(event.to_json()) == json.loads(draft.body)
    return event


def text_of(event: SendEvent) -> str:
    assert event.event_data.message.text is not None
    return event.event_data.message.text


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([SendText("Good morning")], "Good morning"),
        ([SendText("  first  "), SendText("second")], "first"),
        ([FILE], "Here it is"),
        ([SendFile("document", URL, "a.pdf")], "[document] a.pdf"),
        ([SendFile("photo", URL, "a.png")], "[photo] a.png"),
        ([SendAlbum((SendFile("photo", URL, "a.png"), FILE))], "[photo] a.png"),
        ([SendLocation(1.0, 2.0)], "[location]"),
        ([SendVenue(1.0, 2.0, "Café", "High Street 1")], "[venue] High Street 1"),
        ([SendContact("+123", "Ann", "Lee")], "[contact] Ann Lee"),
        ([], "[message]"),
    ],
)
def test_a_note_names_the_message(steps: list[Step], words: str) -> None:
    """By its first words, by its file's name, or by what it is."""
    assert text_of(note(steps, "blocked")) == f"⚠️ Not delivered: ❝{words}❞ — the customer has blocked the bot"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("why", REASONS)
def test_a_note_says_why_in_the_agents_language(why: str, language: str) -> None:
    """Each reason has words in each language; a refusal that nobody foresaw is quoted."""
    said = text_of(note([SendText("one")], why, "Telegram: SOMETHING_NEW", language=language))
    assert "one" in said
    assert "{" not in said
    assert ("SOMETHING_NEW" in said) == (why == "other")


@pytest.mark.parametrize(
    ("reason", "quoted"),
    [
        ("Telegram: Forbidden: SOMETHING_NEW", "SOMETHING_NEW"),
        ("Telegram: Bad Request: something new", "something new"),
        ("Telegram: the Forbidden: zone", "the Forbidden: zone"),
    ],
)
def test_telegrams_words_are_quoted_without_what_stands_before_them(reason: str, quoted: str) -> None:
    """The line says already that Telegram refused it."""
    assert text_of(note([SendText("one")], "other", reason)).endswith(f"— Telegram refused it: {quoted}")


def test_each_note_is_an_event_of_its_own() -> None:
    """The same mark means the same event, so that a repetition adds nothing; another one means another event."""
    first, same, other = (note([SendText("x")], "blocked", mark=mark) for mark in ("1.1", "1.1", "1.1.1"))
    assert first.event_id == same.event_id != other.event_id
    assert first.event_data.message.message_id == same.event_data.message.message_id
    assert other.event_data.message.message_id != first.event_data.message.message_id


@given(st.text(max_size=200), st.sampled_from(REASONS), st.text(max_size=200), st.sampled_from(LANGUAGES))
def test_a_note_is_always_a_valid_event_and_short(words: str, why: str, reason: str, language: str) -> None:
    """Whatever the agent wrote and Telegram answered: a strict event with words in it, that no screen is full of."""
    said = text_of(note([SendText(words)], why, reason, language=language))
    assert said.startswith("⚠️")
    assert len(said) < 400


def lines(step: Step, why: str, language: str = "en", *, public: bool = True) -> list[str]:
    instead, lost = instead_of(step, why, language, file_is_public=public)
    assert type(lost) is type(step)
    assert all(isinstance(each, SendText) for each in instead)
    return [each.text for each in instead if isinstance(each, SendText)]


def test_words_do_not_die_with_their_file() -> None:
    """The caption comes as a text, then where the file is; what is buried is the file without its words."""
    [text] = lines(FILE, "file_too_large")
    assert text.startswith("Here it is\n\n")
    assert text.endswith(URL)
    assert instead_of(FILE, "file_too_large", "en")[1] == SendFile("document", URL, "a.pdf")


def test_an_album_that_is_lost_names_each_of_its_files() -> None:
    """All captions, then a line for each file; buried is the album without words."""
    album = SendAlbum((SendFile("photo", URL, "a.png", "one"), SendFile("photo", URL, "b.png")))
    [text] = lines(album, "gave_up")
    assert text.startswith("one\n\n")
    assert ("a.png" in text, "b.png" in text, URL in text) == (True, True, False)
    assert instead_of(album, "gave_up", "en")[1] == SendAlbum(
        tuple(SendFile("photo", URL, n) for n in ("a.png", "b.png"))
    )


def test_a_keyboard_stays_under_the_last_words() -> None:
    """It is how the customer is to answer."""
    markup = {"inline_keyboard": [[{"text": "yes", "callback_data": "1"}]]}
    instead, _ = instead_of(SendFile("photo", URL, "a.png", "x" * 1024, markup), "refused_content", "en")
    assert [each.reply_markup for each in instead if isinstance(each, SendText)][-1] == markup


@pytest.mark.parametrize(
    "step", [SendText("x"), SendLocation(1.0, 2.0), SendVenue(1.0, 2.0, "a", "b"), SendContact("+1", "Ann")]
)
def test_nothing_stands_in_for_words_and_places(step: Step) -> None:
    """They are lost as they are."""
    assert instead_of(step, "refused_content", "en") == ((), step)


def test_what_may_have_arrived_is_not_followed_by_its_own_words() -> None:
    """The customer may have the file, caption and all."""
    assert instead_of(FILE, "uncertain", "en") == ((), FILE)


@pytest.mark.parametrize(
    ("url", "why", "given"),
    [
        (URL, "file_too_large", True),
        (URL, "refused_content", True),
        (URL, "other", True),
        (URL, "file_gone", False),
        (URL, "gave_up", False),
        ("http://files.example/a.pdf", "file_too_large", False),
        ("https://127.0.0.1/a.pdf", "file_too_large", False),
        ("https://[::1]/a.pdf", "file_too_large", False),
        ("https://2130706433/a.pdf", "file_too_large", False),
        ("https://intranet/a.pdf", "file_too_large", False),
        *(
            (f"https://{host}/a.pdf", "file_too_large", False)
            for host in (
                *("metadata.google.internal", "METADATA.google.INTERNAL.", "files.corp", "files.corp.internal"),
                *("nas.local", "nas.lan", "nas.home.arpa", "a.localhost", "localhost.", "db.localdomain", "x.home"),
                *("0x7f.0.0.1", "0x7F.1", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1.", "1.0x", "a.0x7f"),
                *(
                    "①②⑦.⓪.⓪.①",
                    "127。0。0。1",
                    "127．0．0．1",
                    "１27.0.0.1",
                    "nas.ｌocal",
                    "%31%32%37.0.0.1",
                    "127.0.0.%31",
                ),
                *("[::ffff:127.0.0.1]", "[fd00::1]", "."),
            )
        ),
        ("https://internal.example/a.pdf", "file_too_large", True),
        ("https://corp.example.com/a.pdf", "file_too_large", True),
        ("https://1.example/a.pdf", "file_too_large", True),
        ("https://bücher.example/a.pdf", "file_too_large", True),
        ("https://user:secret@files.example/a.pdf", "file_too_large", False),
        ("https://[broken/a.pdf", "file_too_large", False),
        ("ftp://files.example/a.pdf", "file_too_large", False),
        (URL + "x" * 2048, "file_too_large", False),
    ],
)
def test_a_link_is_given_only_to_what_is_there_for_everybody(url: str, why: str, given: bool) -> None:  # noqa: FBT001 - a table
    """Public https with a name and without credentials; never into this machine or its network."""
    [text] = lines(SendFile("document", url, "the-file"), why)
    assert "the-file" in text
    assert (url in text) is given
    assert "secret" not in text


@pytest.mark.parametrize("why", ["file_too_large", "refused_content", "other"])
def test_a_link_that_nobody_looked_at_is_not_given(why: str) -> None:
    """Neither to a file whose server has not answered from a public address, nor to any file of an album."""
    for texts in (lines(FILE, why, public=False), lines(SendAlbum((FILE, FILE)), why)):
        assert URL not in "".join(texts)


NAMES = st.text(max_size=300).map(clean)
CAPTIONS = st.none() | st.text(min_size=1, max_size=1024)
FILES = st.builds(
    SendFile,
    st.sampled_from(["photo", "video", "audio", "document"]),
    st.just(URL) | st.text(max_size=3000).map("https://files.example/".__add__),
    NAMES,
    CAPTIONS,
)
ALBUMS = st.builds(SendAlbum, st.lists(FILES, min_size=2, max_size=10).map(tuple))


@given(FILES | ALBUMS, st.sampled_from(REASONS), st.sampled_from([*LANGUAGES, "", "pt-br", "xx"]))
def test_what_stands_in_fits_telegram(step: SendFile | SendAlbum, why: str, language: str) -> None:
    """Texts of 1 to 4096 UTF-16 units, whatever the file was called and in whatever language the customer reads."""
    texts = lines(step, why, language)
    assert bool(texts) is (why != "uncertain")
    for text in texts:
        assert text.strip()
        assert len(text.encode("utf-16-le")) // 2 <= 4096
