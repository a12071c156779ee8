"""What proves an answer of `relay setup`, as early as it can be proven."""

import aiohttp

from relay.doctor.finding import Finding, skipped, well, wrong
from relay.doctor.kit import check_account, check_host, check_kit
from relay.doctor.stand_in import StandIn
from relay.doctor.telegram import check_bot
from relay.kit.signature import channel_test_form_of
from relay.settings.schema import Settings
from relay.setup.questions import API_TOKEN, BOT, CHANNEL, PLACE, SALT, Question


async def prove(question: Question, settings: Settings, stand_in: StandIn | None) -> list[Finding]:
    """Findings about an answer; none if nothing can be said of it yet."""
    if question is BOT:
        return await check_bot(settings)
    if question is SALT:
        return [salt_fits(settings, stand_in)]
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        if question is PLACE:
            return [await check_host(settings, session)]
        if question is API_TOKEN:
            return [await check_account(settings, session)]
        if question is CHANNEL:
            return await check_kit(settings, session)
    return []


def salt_fits(settings: Settings, stand_in: StandIn | None) -> Finding:
    """Whether Kit's test request was signed with this salt and this API token."""
    signatures = set() if stand_in is None else set(stand_in.signatures)
    if not signatures:
        return skipped("signature", "not proven: Kit has not asked with one; relay check does it once the relay runs")
    salt, token = settings.kit_security_salt.get_secret_value(), settings.kit_api_token.get_secret_value()
    if any(channel_test_form_of(each, salt, token) for each in signatures):
        return well("signature", "Kit's test request was signed with this salt and this API token")
    remedy = "Is it this channel's salt, and is the API token the one chosen in its form?"
    return wrong("signature", "who asked had signed with other secrets", remedy)
