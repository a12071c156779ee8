"""What the store remembers of Telegram Business accounts."""

from dataclasses import replace

from relay.model import (
    Accepted,
    Address,
    BusinessConnection,
    Client,
    Declined,
    Draft,
    Letter,
    Outcome,
    Reading,
    Said,
    Wants,
)
from relay.store.accepting import Arrival
from relay.store.business_connections import Met
from relay.store.store import Store
from tests.store.conftest import Clock
from tests.store.letters import CHANNEL, event, known, together

OLGA = 900
FIRST = BusinessConnection("bc-1", OLGA, OLGA, enabled=True, rights={"can_reply": True})
ENDED = replace(FIRST, enabled=False, rights={})
SECOND = replace(FIRST, id="bc-2")
CLIENT = "7@900"


def arrives(number: int, outcome: Outcome) -> Arrival:
    return Arrival(((Letter(CHANNEL, "telegram", str(number), "{}"), Reading(lambda _: outcome)),), CHANNEL, number + 1)


def told(number: int, connection: BusinessConnection) -> Arrival:
    return arrives(number, Declined("noted", connection=connection))


def heard(number: int, *, client: str = CLIENT, through: str = "bc-1", still: bool = True) -> Arrival:
    link = Client(client, Address(7, through), open=still)
    return arrives(number, Accepted(Draft("to_kit", client, "event"), link, said=(Said(number, "customer", "hi"),)))


async def test_whose_an_account_is_is_known(store: Store) -> None:
    """By its connection, whether an update told of it or Telegram was asked."""
    assert await store.find_owner(CHANNEL, "bc-1") is None
    await store.accept(told(1, FIRST))
    await store.meet_connection(Met(CHANNEL, replace(SECOND, user_id=901)))
    assert [await store.find_owner(CHANNEL, each) for each in ("bc-1", "bc-2")] == [OLGA, 901]
    assert await store.find_owner("another bot", "bc-1") is None


async def test_of_an_account_open_conversations_are_known(store: Store) -> None:
    """Those of its own clients, through whatever connection they came; closed ones and other accounts' are not."""
    await store.accept(told(1, FIRST))
    for number, client in enumerate(("7@900", "8@900", "9@901"), 2):
        await store.accept(heard(number, client=client, through="bc-9" if client == "9@901" else "bc-1"))
    await store.accept(heard(5, client="8@900", still=False))
    account = await known(store, Wants(owner=OLGA))
    assert account.connection == FIRST
    assert [client.client_id for client in account.open_clients] == ["7@900"]


async def test_one_batch_is_seen_in_its_order(store: Store) -> None:
    """Who wrote just before the connection ended is told so, and what is asked next knows that it ended."""
    seen: list[object] = []

    def decide(known: object) -> Outcome:
        seen.append(known)
        return Declined("noted", connection=ENDED)

    def look(known: object) -> Outcome:
        seen.append(known)
        return Declined("it only asked")

    ending = Arrival(((Letter(CHANNEL, "telegram", "3", "{}"), Reading(decide, Wants(owner=OLGA))),), CHANNEL, 4)
    asking = Arrival(((Letter(CHANNEL, "telegram", "4", "{}"), Reading(look, Wants(owner=OLGA))),), CHANNEL, 5)
    await store.accept(together(told(1, FIRST), heard(2), ending, asking))
    before, after = (await known(store, Wants(owner=OLGA)), seen[1])
    assert [getattr(each, "connection", None) for each in seen] == [FIRST, ENDED]
    assert [len(getattr(each, "open_clients", ())) for each in seen] == [1, 1]
    assert before == after


async def test_clients_are_answered_through_todays_connection(store: Store, clock: Clock) -> None:
    """Another one takes its place at once; the end of an earlier one, told late, changes nothing."""
    await store.accept(told(1, FIRST))
    await store.accept(heard(2))
    clock.advance(1)
    await store.accept(told(3, SECOND))
    clock.advance(1)
    await store.accept(told(4, ENDED))
    account = await known(store, Wants(owner=OLGA))
    assert account.connection == SECOND
    assert [client.address for client in account.open_clients] == [Address(7, "bc-2")]
    await store.accept(event("e1", CLIENT))
    [delivery] = (await store.claim(CHANNEL, "to_telegram", 1)).deliveries
    assert delivery.address == Address(7, "bc-2")


async def test_an_answer_knows_what_it_answers(store: Store) -> None:
    """The rights, and the customer's newest message, not the account's own; of other clients nothing is looked up."""
    await store.accept(told(1, FIRST))
    await store.accept(heard(20))
    own = Accepted(Draft("to_kit", CLIENT, "event"), said=(Said(30, "agent", "mine"),))
    await store.accept(arrives(3, own))
    answering = await known(store, Wants(CLIENT, newest=True))
    assert (answering.connection, answering.newest) == (FIRST, 20)
    await store.accept(arrives(4, Accepted(Draft("to_kit", "7", "event"), Client("7", Address(7)))))
    private = await known(store, Wants("7", newest=True))
    assert (private.connection, private.newest) == (None, None)
