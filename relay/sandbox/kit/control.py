"""The Kit look-alike's control API, for the demo, for curl and for benchmarks. JSON both ways.

It stays up while faults are on.
"""

import asyncio
import base64
import time
from typing import Any

from aiohttp import web

from relay.sandbox.kit.callbacks import Callback, Posted
from relay.sandbox.kit.server import KitLookAlike
from relay.sandbox.shared.delays import delays
from relay.sandbox.shared.ordering import out_of_order
from relay.sandbox.shared.request_body import asked_of


def control_routes(kit: KitLookAlike) -> list[web.RouteDef]:
    """The routes under /sandbox."""
    control = Control(kit)
    return [
        web.post("/sandbox/agents/{client_id}/messages", control.say),
        web.post("/sandbox/agents/{client_id}/close", control.close),
        web.get("/sandbox/clients", control.clients),
        web.get("/sandbox/clients/{client_id}/messages", control.messages),
        web.post("/sandbox/callbacks", control.load),
        web.get("/sandbox/stats", control.stats),
        web.post("/sandbox/faults", control.faults),
        web.post("/sandbox/reset", control.reset),
    ]


class Control:
    """The handlers."""

    def __init__(self, kit: KitLookAlike) -> None:
        self._kit = kit

    async def say(self, request: web.Request) -> web.Response:
        """An agent answers {"text"?, "files"?: [{"type", "name", "content_type"?, "size" | "base64" | "url"}]}."""
        asked = await asked_of(request)
        if not (isinstance(asked.get("text"), str) or asked.get("files")):
            raise web.HTTPBadRequest(text="text is missing, and so are files\n")
        items = [self._item(file) for file in asked.get("files", [])]
        status = await self._kit.agent_says(request.match_info["client_id"], asked.get("text"), items)
        return web.json_response({"status": status})

    def _item(self, file: dict[str, Any]) -> dict[str, Any]:
        url = file.get("url")
        if url is None:
            what = base64.b64decode(file["base64"]) if "base64" in file else int(file.get("size", 1024))
            url = self._kit.host_file(what, file["name"], file.get("content_type", "application/octet-stream"))
        return {"type": file.get("type", "document"), "file_name": file["name"], "file_url": url}

    async def close(self, request: web.Request) -> web.Response:
        """End a conversation, for {"reason"?}."""
        asked = await asked_of(request) if request.body_exists else {}
        reason = asked.get("reason", "CLOSED_BY_AGENT")
        return web.json_response(
            {"status": await self._kit.close_conversation(request.match_info["client_id"], reason)}
        )

    async def clients(self, _: web.Request) -> web.Response:
        """The clients that wrote."""
        return web.json_response(self._kit.clients)

    async def messages(self, request: web.Request) -> web.Response:
        """What a client wrote, each event once, in order."""
        return web.json_response(
            [
                {"event_id": sent.event_id, "client_data": sent.client_data, **sent.body["event_data"]["message"]}
                for sent in self._kit.messages(request.match_info["client_id"])
            ]
        )

    async def load(self, request: web.Request) -> web.Response:
        """Fire {"count", "clients": number or list of ids, "concurrency"} callbacks and answer how they fared.

        Texts are `CLIENT:SEQ`; a client's callbacks go one after the other.
        """
        asked = await asked_of(request)
        wanted = asked.get("clients", 1)
        clients = [str(one) for one in wanted] if isinstance(wanted, list) else self._kit.clients[: int(wanted)]
        if not clients:
            raise web.HTTPBadRequest(text="no client has written yet")
        count, workers = int(asked["count"]), min(int(asked.get("concurrency", 1)), len(clients))
        make = self._kit.callbacks.message
        sequence = [
            make(clients[n % len(clients)], f"{clients[n % len(clients)]}:{n // len(clients)}") for n in range(count)
        ]
        lanes: list[list[Callback]] = [[] for _ in range(workers)]
        for number, callback in enumerate(sequence):
            lanes[number % len(clients) % workers].append(callback)
        began = time.monotonic()
        posted = [one for lane in await asyncio.gather(*map(self._fire, lanes)) for one in lane]
        return web.json_response(figures(posted, time.monotonic() - began))

    async def _fire(self, lane: list[Callback]) -> list[Posted]:
        return [await self._kit.callbacks.post(callback) for callback in lane]

    async def stats(self, _: web.Request) -> web.Response:
        """Counts; monotonic times of the first and the last arrival; how many came out of order in their client."""
        kit = self._kit
        first = [sent for sent in kit.events if not sent.duplicate]
        return web.json_response(
            {
                "events": len(kit.events),
                "messages": len(first),
                "duplicates": len(kit.events) - len(first),
                "contradictions": len(kit.contradictions),
                "clients": len(kit.clients),
                "out_of_order": out_of_order((sent.client_id, sent.text) for sent in first),
                "delay_ms": delays((sent.text, sent.at) for sent in first),
                "overlaps": kit.overlaps,
                "in_flight_peak": kit.in_flight_peak,
                "first_at": kit.events[0].at if kit.events else None,
                "last_at": kit.events[-1].at if kit.events else None,
                "refused": len(kit.refused),
                "logins": kit.tokens.logins,
                "refreshes": kit.tokens.refreshes,
                "callbacks_posted": len(kit.callbacks.posted),
                "callbacks_waiting": kit.callbacks.waiting,
                "answers_lost": kit.faults.lost,
            }
        )

    async def faults(self, request: web.Request) -> web.Response:
        """Set switches; see Faults.apply."""
        try:
            self._kit.faults.apply(await asked_of(request))
        except (ValueError, TypeError) as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        return web.json_response({"ok": True})

    async def reset(self, _: web.Request) -> web.Response:
        """Forget everything but the tokens."""
        self._kit.reset()
        return web.json_response({"ok": True})


def figures(posted: list[Posted], seconds: float) -> dict[str, Any]:
    """What a load run came to."""
    took = sorted(one.seconds * 1000 for one in posted)
    accepted = sum(one.status == 200 for one in posted)

    def percentile(share: float) -> float | None:
        return round(took[min(len(took) - 1, int(len(took) * share))], 2) if took else None

    return {
        "sent": len(posted),
        "accepted": accepted,
        "failed": len(posted) - accepted,
        "seconds": round(seconds, 3),
        "per_second": round(len(posted) / seconds, 1) if seconds else None,
        "ms": {"p50": percentile(0.5), "p95": percentile(0.95), "p99": percentile(0.99), "max": percentile(1)},
    }
