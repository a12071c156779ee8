"""What is said, in words, by content that has no file: games of chance, lists, payments, and what happened to the chat.

Pure. Each function takes the value of one field of `telegram.Message` and gives the words after its kind, "" for none.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from telegram import (
    Chat,
    ChatShared,
    Checklist,
    ChecklistTask,
    ChecklistTasksDone,
    Dice,
    Giveaway,
    GiveawayCompleted,
    GiveawayWinners,
    Invoice,
    ProximityAlertTriggered,
    RefundedPayment,
    SharedUser,
    SuccessfulPayment,
    User,
    WebAppData,
)
from telegram.constants import ZERO_DATE

from relay.mapping.content.files import count
from relay.mapping.content.links import name_story
from relay.mapping.content.prices import offered, paid, price, stars
from relay.mapping.text.language import say
from relay.mapping.text.people import name_of
from relay.mapping.text.text import clean, join


def people(users: Iterable[User | SharedUser | Chat]) -> str:
    """Their names, in a row."""
    return join(", ", *map(name_of, users))


def tasks(listed: Iterable[ChecklistTask]) -> str:
    """One task a line, ticked if it is done."""
    return "\n".join(f"{'☑' if _is_done(task) else '☐'} {clean(task.text).strip()}" for task in listed)


def _is_done(task: ChecklistTask) -> bool:
    return bool(task.completed_by_user or task.completed_by_chat) or task.completion_date not in {None, ZERO_DATE}


def _chat_shared(shared: ChatShared) -> str:
    username = clean(shared.username).strip()
    return join(" ", shared.title, f"@{username}" if username else "")


def _checklist(checklist: Checklist) -> str:
    return join("\n", checklist.title, tasks(checklist.tasks))


def _dice(dice: Dice) -> str:
    return join(" ", dice.emoji, str(dice.value))


def _giveaway(giveaway: Giveaway) -> str:
    winners = say("winners", count=count(giveaway.winner_count))
    return join(", ", giveaway.prize_description, stars(giveaway.prize_star_count), winners, people(giveaway.chats))


def _giveaway_completed(giveaway: GiveawayCompleted) -> str:
    return say("winners", count=count(giveaway.winner_count))


def _giveaway_winners(giveaway: GiveawayWinners) -> str:
    prize = join(", ", giveaway.prize_description, stars(giveaway.prize_star_count))
    return join(", ", prize, say("winners", count=count(giveaway.winner_count)), people(giveaway.winners))


def _invoice(invoice: Invoice) -> str:
    asked = price(invoice.currency, invoice.total_amount)
    return join(", ", join(": ", invoice.title, invoice.description), asked)


def _near(alert: ProximityAlertTriggered) -> str:
    return join(
        ", ", join(" → ", name_of(alert.traveler), name_of(alert.watcher)), say("meters", count=count(alert.distance))
    )


def _payment(payment: SuccessfulPayment | RefundedPayment) -> str:
    return price(payment.currency, payment.total_amount)


def _tasks_done(marked: ChecklistTasksDone) -> str:
    message = marked.checklist_message
    checklist = message.checklist if message else None
    by_id = {task.id: task.text for task in checklist.tasks} if checklist else {}
    done, open_again = (marked.marked_as_done_task_ids or (), marked.marked_as_not_done_task_ids or ())
    lines = [f"☑ {clean(by_id[each])}" for each in done if each in by_id]
    return join("\n", *lines, *(f"☐ {clean(by_id[each])}" for each in open_again if each in by_id))


def _web_app_data(data: WebAppData) -> str:
    return join(": ", data.button_text, data.data)


def _attribute(name: str) -> Callable[[Any], str]:
    return lambda value: clean(getattr(value, name, None)).strip()


#: Kinds whose words are worth passing on, and how.
WORDS: Final[dict[str, Callable[[Any], str]]] = {
    "chat_owner_changed": lambda value: name_of(value.new_owner),
    "chat_owner_left": lambda value: name_of(value.new_owner),
    "chat_shared": _chat_shared,
    "checklist": _checklist,
    "checklist_tasks_added": lambda value: tasks(value.tasks),
    "checklist_tasks_done": _tasks_done,
    "connected_website": clean,
    "dice": _dice,
    "forum_topic_created": _attribute("name"),
    "giveaway": _giveaway,
    "giveaway_completed": _giveaway_completed,
    "giveaway_created": lambda value: stars(value.prize_star_count),
    "giveaway_winners": _giveaway_winners,
    "invoice": _invoice,
    "left_chat_member": name_of,
    "managed_bot_created": lambda value: name_of(value.bot),
    "new_chat_members": people,
    "new_chat_title": clean,
    "poll_option_added": _attribute("option_text"),
    "poll_option_deleted": _attribute("option_text"),
    "proximity_alert_triggered": _near,
    "refunded_payment": _payment,
    "story": name_story,
    "successful_payment": _payment,
    "suggested_post_approval_failed": lambda value: offered(value.price),
    "suggested_post_approved": lambda value: offered(value.price),
    "suggested_post_declined": _attribute("comment"),
    "suggested_post_paid": paid,
    "users_shared": lambda value: people(value.users),
    "video_chat_participants_invited": lambda value: people(value.users),
    "web_app_data": _web_app_data,
    "write_access_allowed": _attribute("web_app_name"),
}
