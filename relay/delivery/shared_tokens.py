"""One pair of Kit's tokens for several relays: it lies in their database, sealed with what only they know.

The promise that no table holds a token is kept: whoever has the database, or a copy of it, has not the key, which is
made of the channel's API token and salt.
"""

import base64
import hashlib
from dataclasses import dataclass, field

import orjson
from cryptography.fernet import Fernet, InvalidToken

from relay.kit.answers import Tokens
from relay.kit.tokens import Pair
from relay.store.kit_sessions import Renewal, Session
from relay.store.store import Store


@dataclass(frozen=True, slots=True)
class SharedTokens:
    """Those of one channel. Every method raises StoreUnavailable."""

    channel: str
    store: Store
    key: bytes = field(repr=False)

    async def read(self) -> Pair | None:
        """The pair; None when there is none, or one that was sealed with another API token or salt."""
        session = await self.store.find_kit_session(self.channel)
        if session is None:
            return None
        try:
            access, refresh = orjson.loads(Fernet(self.key).decrypt(session.sealed))
        except InvalidToken:
            return None
        return Pair(Tokens(access, refresh), max(0.0, self.store.now() - session.issued_at))

    async def begin(self) -> bool:
        """Whether this relay may renew it now."""
        return await self.store.begin_kit_renewal(self.channel)

    async def end(self, new: Pair | None) -> None:
        """Let others renew it again; None: it stays what it was."""
        session = None if new is None else Session(self._sealed(new.tokens), self.store.now() - new.age)
        await self.store.end_kit_renewal(Renewal(self.channel, session))

    def _sealed(self, tokens: Tokens) -> str:
        return Fernet(self.key).encrypt(orjson.dumps([tokens.access, tokens.refresh])).decode()


def key_of(channel: str, api_token: str, salt: str) -> bytes:
    """What a channel's pair is sealed with: as long as these secrets are the same, every relay has the same."""
    token = hashlib.blake2b(api_token.encode()).digest()  # a key of 64 bytes at most, and all of the token counts
    secret = hashlib.blake2b(salt.encode(), key=token, person=b"kit session").digest()
    return base64.urlsafe_b64encode(hashlib.blake2b(channel.encode(), key=secret, digest_size=32).digest())
