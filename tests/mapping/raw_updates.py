"""Raw updates for Hypothesis: shaped like the Bot API's, with values that nobody would expect."""

from typing import Any

from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=[]), max_size=40)
INTEGERS = st.integers() | st.sampled_from([0, -1, 2**31, 2**52, 2**63 - 1, 2**63, 10**40])
ODD = st.one_of(st.none(), st.booleans(), INTEGERS, st.floats(), TEXT)  #: A value of any simple type, right or wrong.
NUMBERS = st.integers(0, 10**6)


def shaped(required: dict[str, Any], **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


def a_few(required: dict[str, Any], optional: dict[str, st.SearchStrategy[Any]], most: int) -> st.SearchStrategy[Any]:
    """As `shaped`, with a few of very many optional fields: more of them at once show nothing new and take long."""
    names = st.lists(st.sampled_from(sorted(optional)), max_size=most, unique=True)
    return names.flatmap(lambda some: st.fixed_dictionaries({**required, **{name: optional[name] for name in some}}))


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
            "type": st.sampled_from(
                ["bold", "text_link", "text_mention", "blockquote", "expandable_blockquote", "custom_emoji", "new"]
            ),
            "offset": st.integers(-3, 50) | ODD,
            "length": st.integers(-3, 50) | ODD,
        },
        url=TEXT | ODD,
        user=USERS,
    ),
    max_size=4,
)
FILE_IDS = {"file_id": TEXT | ODD, "file_unique_id": TEXT}
FILE_EXTRAS = {"file_size": NUMBERS | ODD, "mime_type": TEXT | ODD, "file_name": TEXT | ODD}
SIZED = {**FILE_IDS, "width": NUMBERS | ODD, "height": NUMBERS | ODD}
PHOTOS = st.lists(shaped(SIZED, file_size=NUMBERS | ODD), min_size=0, max_size=3)
PLACES = shaped({"latitude": st.floats() | ODD, "longitude": st.floats() | ODD}, live_period=NUMBERS)

THUMBNAIL = shaped(SIZED, file_size=NUMBERS | ODD)
STICKER = shaped(
    {**SIZED, "type": TEXT, "is_animated": st.booleans(), "is_video": st.booleans()},
    emoji=TEXT | ODD,
    set_name=TEXT | ODD,
    thumbnail=THUMBNAIL,
)
LIVE_PHOTO = shaped({**SIZED, "duration": NUMBERS}, photo=PHOTOS, mime_type=TEXT | ODD, file_size=NUMBERS | ODD)
VIDEO = shaped({**SIZED, "duration": NUMBERS}, **FILE_EXTRAS)
TASKS = st.lists(
    shaped({"id": NUMBERS | ODD, "text": TEXT | ODD}, completed_by_user=USERS, completion_date=st.just(0) | NUMBERS),
    max_size=3,
)
CHECKLIST = shaped({"title": TEXT | ODD, "tasks": TASKS})
ORIGINS = st.one_of(
    shaped({"type": st.just("user"), "sender_user": USERS, "date": NUMBERS}),
    shaped({"type": st.just("hidden_user"), "sender_user_name": TEXT | ODD, "date": NUMBERS}),
    shaped({"type": st.just("chat"), "sender_chat": CHATS, "date": NUMBERS}, author_signature=TEXT | ODD),
    shaped(
        {"type": st.just("channel"), "chat": CHATS, "message_id": NUMBERS, "date": NUMBERS}, author_signature=TEXT | ODD
    ),
    shaped({"type": st.just("new"), "date": NUMBERS}),
)
#: What Telegram has invented since: any JSON.
UNKNOWN = st.recursive(
    ODD,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "caption", "blocks", "url"]) | TEXT, inner, max_size=3)
    ),
    max_leaves=8,
)

CONTENT: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXT | ODD,
    "caption": TEXT | ODD,
    "entities": ENTITIES,
    "caption_entities": ENTITIES,
    "photo": PHOTOS,
    "live_photo": LIVE_PHOTO,
    "video": VIDEO,
    "animation": shaped({**SIZED, "duration": NUMBERS}, **FILE_EXTRAS),
    "audio": shaped({**FILE_IDS, "duration": NUMBERS}, performer=TEXT | ODD, title=TEXT | ODD, **FILE_EXTRAS),
    "voice": shaped({**FILE_IDS, "duration": NUMBERS}, file_size=NUMBERS | ODD, mime_type=TEXT | ODD),
    "video_note": shaped({**FILE_IDS, "length": NUMBERS, "duration": NUMBERS}, file_size=NUMBERS | ODD),
    "document": shaped(FILE_IDS, **FILE_EXTRAS),
    "sticker": STICKER,
    "paid_media": shaped(
        {
            "star_count": NUMBERS | ODD,
            "paid_media": st.lists(
                shaped({"type": st.just("photo"), "photo": PHOTOS})
                | shaped({"type": st.just("video"), "video": VIDEO})
                | shaped({"type": st.just("live_photo"), "live_photo": LIVE_PHOTO})
                | shaped({"type": st.just("preview")}, width=NUMBERS | ODD)
                | shaped({"type": st.just("new")}),
                max_size=4,
            ),
        }
    ),
    "game": shaped({"title": TEXT | ODD, "description": TEXT | ODD, "photo": PHOTOS}, text=TEXT | ODD),
    "story": shaped({"chat": CHATS, "id": NUMBERS}),
    "checklist": CHECKLIST,
    "gift": shaped({"gift": shaped({"id": TEXT, "sticker": STICKER, "star_count": NUMBERS | ODD})}, text=TEXT | ODD),
    "giveaway": shaped(
        {"chats": st.lists(CHATS, max_size=2), "winners_selection_date": NUMBERS, "winner_count": NUMBERS | ODD},
        prize_description=TEXT | ODD,
        prize_star_count=NUMBERS | ODD,
    ),
    "invoice": shaped(
        {
            "title": TEXT | ODD,
            "description": TEXT | ODD,
            "start_parameter": TEXT,
            "currency": st.just("XTR") | TEXT | ODD,
            "total_amount": NUMBERS | ODD,
        }
    ),
    "users_shared": shaped(
        {"request_id": NUMBERS, "users": st.lists(shaped({"user_id": NUMBERS}, first_name=TEXT | ODD), max_size=3)}
    ),
    "chat_shared": shaped({"request_id": NUMBERS, "chat_id": NUMBERS}, title=TEXT | ODD, username=TEXT | ODD),
    "forum_topic_created": shaped({"name": TEXT | ODD, "icon_color": NUMBERS}),
    "new_chat_members": st.lists(USERS, max_size=2),
    "location": PLACES,
    "venue": shaped({"title": TEXT | ODD, "address": TEXT | ODD}, location=PLACES | st.none()),
    "contact": shaped(
        {"phone_number": TEXT | ODD, "first_name": TEXT | ODD}, last_name=TEXT | ODD, user_id=st.just(7) | ODD
    ),
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
    "rich_message": UNKNOWN,
    "\ud800\0": ODD,
}
#: What a message may refer to.
CONTEXT: dict[str, st.SearchStrategy[Any]] = {
    "forward_origin": ORIGINS,
    "reply_to_message": st.sampled_from(sorted(CONTENT)).flatmap(
        lambda field: shaped({"message_id": NUMBERS, "date": NUMBERS, "chat": CHATS, field: CONTENT[field]})
    ),
    "external_reply": st.sampled_from(["photo", "sticker", "story", "checklist"]).flatmap(
        lambda field: shaped({"origin": ORIGINS, field: CONTENT[field]}, chat=CHATS)
    ),
    "reply_to_story": CONTENT["story"],
    "quote": shaped({"text": TEXT | ODD, "position": NUMBERS}, entities=ENTITIES, is_manual=st.booleans()),
    "reply_to_checklist_task_id": NUMBERS | ODD,
    "reply_to_poll_option_id": TEXT | ODD,
    "via_bot": USERS,
    "edit_date": NUMBERS,
}
TOPIC = shaped({"topic_id": NUMBERS | ODD}, user=USERS)
#: In which of a customer's chats it is said, and by whom.
PLACE: dict[str, st.SearchStrategy[Any]] = {
    "business_connection_id": st.sampled_from(["bc1", "bc/?"]) | TEXT | ODD,
    "sender_business_bot": USERS,
    "sender_chat": CHATS,
    "direct_messages_topic": TOPIC,
    "message_thread_id": NUMBERS | ODD,
    "is_topic_message": st.booleans() | ODD,
}
MESSAGES = st.tuples(
    st.fixed_dictionaries(
        {"message_id": NUMBERS | ODD, "date": st.integers(0, 2**31), "chat": CHATS}, optional={"from": USERS, **PLACE}
    ),
    a_few({}, {**CONTENT, **CONTEXT}, most=6),
).map(lambda parts: {**parts[0], **parts[1]})


def customers_message(field: str) -> st.SearchStrategy[dict[str, Any]]:
    """A private message with one kind of content: what messages really look like."""
    chat, person = {"id": 7, "type": "private"}, {"id": 7, "is_bot": False, "first_name": "A"}
    known = {"message_id": NUMBERS, "date": st.just(1), "chat": st.just(chat), "from": st.just(person)}
    optional = {**CONTEXT, "business_connection_id": st.sampled_from(["bc1", "bc/?"])}
    return st.fixed_dictionaries({**known, "caption": TEXT, field: CONTENT[field]}, optional=optional)


REACTIONS = st.lists(
    shaped({"type": st.just("emoji"), "emoji": TEXT | ODD})
    | shaped({"type": st.just("custom_emoji"), "custom_emoji_id": TEXT | ODD})
    | shaped({"type": st.sampled_from(["paid", "new"])}),
    max_size=3,
)
REACTION = shaped(
    {
        "chat": CHATS | st.just({"id": 7, "type": "private"}),
        "message_id": NUMBERS | ODD,
        "date": NUMBERS,
        "old_reaction": REACTIONS,
        "new_reaction": REACTIONS,
    },
    user=USERS,
)

MEMBER = shaped({"user": USERS, "status": st.sampled_from(["left", "member", "new"])}) | shaped(
    {"user": USERS, "status": st.just("kicked"), "until_date": NUMBERS}
)
MEMBERSHIP = shaped(
    {"chat": CHATS, "from": USERS, "date": NUMBERS, "old_chat_member": MEMBER, "new_chat_member": MEMBER}
)
BUTTON = shaped({"text": TEXT | ODD}, callback_data=st.just("a") | TEXT | ODD, url=TEXT | ODD)
KEYBOARD = shaped({"inline_keyboard": st.lists(st.lists(BUTTON, max_size=2), max_size=2)})


def _with_keyboard(parts: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    message, keyboard = parts
    return {**message, "reply_markup": keyboard}


PRESS = shaped(
    {"id": TEXT, "from": USERS, "chat_instance": TEXT},
    message=st.tuples(MESSAGES, KEYBOARD).map(_with_keyboard)
    | shaped({"chat": CHATS, "message_id": NUMBERS | ODD, "date": st.just(0)}),
    data=st.just("a") | TEXT | ODD,
    game_short_name=TEXT | ODD,
    inline_message_id=TEXT,
)
CONNECTION = shaped(
    {
        "id": TEXT,
        "user": USERS,
        "user_chat_id": INTEGERS | ODD,
        "date": NUMBERS,
        "is_enabled": st.booleans() | ODD,
    },
    rights=shaped({}, can_reply=st.booleans() | ODD, can_read_messages=st.booleans() | ODD),
)
DELETION = shaped(
    {
        "business_connection_id": TEXT | ODD,
        "chat": CHATS,
        "message_ids": st.lists(NUMBERS | ODD, max_size=3),
    }
)


ANY_MESSAGE = MESSAGES | st.sampled_from(sorted(CONTENT)).flatmap(customers_message)
UPDATES = a_few(
    {"update_id": INTEGERS | ODD},
    {
        "message": ANY_MESSAGE,
        "edited_message": ANY_MESSAGE,
        "message_reaction": REACTION,
        "channel_post": MESSAGES,
        "business_message": ANY_MESSAGE,
        "edited_business_message": ANY_MESSAGE,
        "deleted_business_messages": DELETION,
        "business_connection": CONNECTION,
        "callback_query": PRESS,
        "my_chat_member": MEMBERSHIP,
        "new_kind": ODD,
    },
    most=2,
)
