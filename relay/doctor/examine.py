"""All checks, in the order in which one would look: what is set, what is here, who answers."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import aiohttp

from relay.doctor.channels_to_check import Subject, find_subjects
from relay.doctor.children import check_children
from relay.doctor.finding import Finding, skipped
from relay.doctor.kit import check_kit
from relay.doctor.machine import check_database, check_disk, check_secrecy, check_versions
from relay.doctor.profile import apply_profile
from relay.doctor.public import check_certificate, check_clock, check_public
from relay.doctor.running import check_running
from relay.doctor.telegram import check_alert_chat, check_bot
from relay.doctor.test_messages import send_both_ways

#: The settings without which nobody can ask Telegram, or Kit's host.
BOT = ("telegram_bot_token", "telegram_api_url", "telegram_proxy")
KIT_HOST = ("kit_api_url", "kit_region")
_KIT = (*KIT_HOST, "kit_domain", "kit_api_token", "kit_channel_uuid")
_CALLBACK = ("relay_public_url", "relay_host", "relay_port", "kit_api_token", "kit_security_salt")


async def examine(env_file: Path, config: Path, *, send_to: int | None = None, applies: bool = False) -> list[Finding]:
    """Look at everything. Sends only to the chat of the id `send_to`, and changes the bot only if it `applies`."""
    findings, subjects = find_subjects(env_file, config)
    findings += check_secrecy((env_file, config))
    if subjects:
        findings += _machine(subjects[0])
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        if subjects:
            findings.append(await _clock(subjects[0], session))
            lacks = subjects[0].lacks("relay_admin_host", "relay_admin_port")
            findings += [skipped("relay", lacks)] if lacks else await check_running(subjects[0].settings, session)
            lacks = subjects[0].lacks(*BOT)
            findings += [] if lacks else await check_alert_chat(subjects[0].settings)
        for subject in subjects:
            found = await _channel(subject, session, send_to)
            if applies:
                found += await _unless(subject.lacks(*BOT), "profile", partial(apply_profile, subject.settings))
            findings += [replace(each, channel=subject.channel.name) for each in found]
    return [*findings, await check_children(), *check_versions()]


def _machine(subject: Subject) -> list[Finding]:
    lacks = subject.lacks("relay_database_url")
    database = skipped("database", lacks) if lacks else check_database(subject.settings)
    lacks = subject.lacks("relay_data_dir", "relay_database_url")
    return [database, skipped("disk", lacks) if lacks else check_disk(subject.settings)]


async def _clock(subject: Subject, session: aiohttp.ClientSession) -> Finding:
    settings = subject.settings
    # Where a proxy is the way to Telegram, nothing asks it on another one.
    direct = subject.unusable.isdisjoint({"telegram_api_url", "telegram_proxy"}) and settings.telegram_proxy is None
    asked = [settings.telegram_api_url] if direct else []
    if not subject.lacks("kit_api_url", "kit_region"):
        asked.append(settings.kit_base_url)
    return await check_clock(asked, session)


async def _channel(subject: Subject, session: aiohttp.ClientSession, send_to: int | None) -> list[Finding]:
    settings, channel = subject.settings, subject.channel
    lacks_bot, lacks_kit = subject.lacks(*BOT), subject.lacks(*_KIT)
    findings = await _unless(lacks_bot, "bot", lambda: check_bot(settings, channel.webhook_url))
    findings += await _unless(lacks_kit, "Kit login", lambda: check_kit(settings, session))
    findings += await _unless(subject.lacks(*_CALLBACK), "callback", lambda: check_public(channel, session))
    lacks = subject.lacks("relay_public_url")
    findings.append(skipped("certificate", lacks) if lacks else await check_certificate(settings))
    if send_to is not None:
        lacks = lacks_bot or lacks_kit
        findings += await _unless(lacks, "test message", lambda: send_both_ways(channel, send_to, session))
    return findings


async def _unless(lacks: str, name: str, check: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    return [skipped(name, lacks)] if lacks else await check()
