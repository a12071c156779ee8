"""`relay check --send`: a test message both ways, to a chat that the operator names."""

from uuid import uuid4

import aiohttp

from relay.doctor.finding import Finding, well, wrong
from relay.doctor.telegram import the_bot
from relay.errors import RelayError
from relay.kit.client import KitClient
from relay.kit.models import ClientData, OutgoingData, OutgoingMessage, SendEvent
from relay.settings.channels import Channel
from relay.telegram.api import call
from relay.words.catalogue import ENGLISH, words_for


async def send_both_ways(channel: Channel, chat_id: int, session: aiohttp.ClientSession) -> list[Finding]:
    """One message to the chat, as an agent's would come; one to Kit, as the chat's would."""
    return [await _to_telegram(channel, chat_id), await _to_kit(channel, chat_id, session)]


async def _to_telegram(channel: Channel, chat_id: int) -> Finding:
    text = words_for(ENGLISH).say("customer.check")
    try:
        async with the_bot(channel.settings) as bot:
            await call(bot, "sendMessage", {"chat_id": chat_id, "text": text})
    except RelayError as error:
        return wrong("to Telegram", str(error), "Has this chat written to the bot? Its owner's id is the chat's.")
    return well("to Telegram", f"chat {chat_id} has a test message")


async def _to_kit(channel: Channel, chat_id: int, session: aiohttp.ClientSession) -> Finding:
    settings, number = channel.settings, uuid4()
    text = words_for(settings.relay_agent_language).say("note.check")
    event = SendEvent(
        client_data=ClientData(client_id=str(chat_id)),
        event_id=str(number),
        event_data=OutgoingData(message=OutgoingMessage(message_id=f"check.{number}", text=text)),
    )
    kit = KitClient(
        session,
        settings.kit_base_url,
        settings.kit_domain,
        settings.kit_api_token.get_secret_value(),
        settings.kit_channel_uuid,
    )
    try:
        await kit.send(event.to_json())
    except RelayError as error:
        return wrong("to Kit", str(error), "The lines above say what to mend first.")
    return well("to Kit", f"the conversation of client {chat_id} has a test message")
