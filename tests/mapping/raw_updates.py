"""Raw updates for Hypothesis: shaped like the Bot API's, with values that nobody would expect."""

from typing import Any

from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=[]), max_size=40)
INTEGERS = st.integers() | st.sampled_from([0, -1, 2**31, 2**52, 2**63 - 1, 2**63, 10**40])
ODD = st.one_of(st.none(), st.booleans(), INTEGERS, st.floats(), TEXT)  #: A value of any simple type, right or wrong.
NUMBERS = st.integers(0, 10**6)


def shaped(required: dict[str, Any], **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


USERS = shaped(
    {"id": st.integers(1, 2**52) | INTEGERS, "is_bot": st.booleans(), "first_name": TEXT},
    last_name=TEXT | ODD,
    username=TEXT | ODD,
    language_code=TEXT | ODD,
    new_field=ODD,
)
CHATS = shaped(
    {
        "id": st.integers(1, 2**52) | INTEGERS,
        "type": st.sampled_from(["private", "private", "group", "supergroup", "channel", "new"]),
    },
    first_name=TEXT | ODD,
    last_name=TEXT | ODD,
    username=TEXT | ODD,
)
ENTITIES = st.lists(
    shaped(
        {
            "type": st.sampled_from(["bold", "text_link", "blockquote", "expandable_blockquote", "new"]),
            "offset": st.integers(-3, 50) | ODD,
            "length": st.integers(-3, 50) | ODD,
        },
        url=TEXT | ODD,
    ),
    max_size=4,
)
FILE_IDS = {"file_id": TEXT | ODD, "file_unique_id": TEXT}
FILE_EXTRAS = {"file_size": NUMBERS | ODD, "mime_type": TEXT | ODD, "file_name": TEXT | ODD}
SIZED = {**FILE_IDS, "width": NUMBERS | ODD, "height": NUMBERS | ODD}
PHOTOS = st.lists(shaped(SIZED, file_size=NUMBERS | ODD), min_size=0, max_size=3)
PLACES = shaped({"latitude": st.floats() | ODD, "longitude": st.floats() | ODD}, live_period=NUMBERS)

CONTENT: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXT | ODD,
    "caption": TEXT | ODD,
    "entities": ENTITIES,
    "caption_entities": ENTITIES,
    "photo": PHOTOS,
    "video": shaped({**SIZED, "duration": NUMBERS}, **FILE_EXTRAS),
    "animation": shaped({**SIZED, "duration": NUMBERS}, **FILE_EXTRAS),
    "audio": shaped({**FILE_IDS, "duration": NUMBERS}, performer=TEXT | ODD, title=TEXT | ODD, **FILE_EXTRAS),
    "voice": shaped({**FILE_IDS, "duration": NUMBERS}, file_size=NUMBERS | ODD, mime_type=TEXT | ODD),
    "video_note": shaped({**FILE_IDS, "length": NUMBERS, "duration": NUMBERS}, file_size=NUMBERS | ODD),
    "document": shaped(FILE_IDS, **FILE_EXTRAS),
    "sticker": shaped(
        {**SIZED, "type": TEXT, "is_animated": st.booleans(), "is_video": st.booleans()},
        emoji=TEXT | ODD,
        set_name=TEXT | ODD,
    ),
    "location": PLACES,
    "venue": shaped({"title": TEXT | ODD, "address": TEXT | ODD}, location=PLACES | st.none()),
    "contact": shaped({"phone_number": TEXT | ODD, "first_name": TEXT | ODD}, last_name=TEXT | ODD),
    "poll": shaped(
        {
            "id": TEXT,
            "question": TEXT | ODD,
            "options": st.lists(
                shaped({"text": TEXT | ODD, "voter_count": NUMBERS, "persistent_id": TEXT, "addition_date": NUMBERS}),
                max_size=3,
            ),
            "type": TEXT,
            "total_voter_count": NUMBERS,
            "is_closed": st.booleans(),
            "is_anonymous": st.booleans(),
            "allows_multiple_answers": st.booleans(),
            "allows_revoting": st.booleans(),
            "members_only": st.booleans(),
        }
    ),
    "dice": shaped({"emoji": TEXT | ODD, "value": NUMBERS | ODD}),
    "web_app_data": shaped({"data": TEXT | ODD, "button_text": TEXT | ODD}),
    "media_group_id": TEXT,
    "new_chat_title": TEXT | ODD,
    "group_chat_created": st.booleans(),
    "migrate_to_chat_id": INTEGERS,
    "rich_message": ODD,
    "\ud800\0": ODD,
}
MESSAGES = st.fixed_dictionaries(
    {"message_id": NUMBERS | ODD, "date": st.integers(0, 2**31), "chat": CHATS},
    optional={"from": USERS, **CONTENT},
)


def customers_message(field: str) -> st.SearchStrategy[dict[str, Any]]:
    """A private message with one kind of content: what messages really look like."""
    chat, person = {"id": 7, "type": "private"}, {"id": 7, "is_bot": False, "first_name": "A"}
    known = {"message_id": NUMBERS, "date": st.just(1), "chat": st.just(chat), "from": st.just(person)}
    return st.fixed_dictionaries({**known, "caption": TEXT, field: CONTENT[field]})


ANY_MESSAGE = MESSAGES | st.sampled_from(sorted(CONTENT)).flatmap(customers_message)
UPDATES = st.fixed_dictionaries(
    {"update_id": INTEGERS | ODD},
    optional={
        "message": ANY_MESSAGE,
        "edited_message": ANY_MESSAGE,
        "channel_post": MESSAGES,
        "new_kind": ODD,
    },
)
