"""The operation `media_revoke`: a media link opens nothing any more."""

from collections.abc import Mapping
from typing import Any

import structlog

from relay.control.operation import OperationContext, RefusedError
from relay.media.conversion.converter import cache_key

log = structlog.get_logger()


async def media_revoke(context: OperationContext, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Take back the link with this `id`, and remove what was converted for it."""
    media_id = str(parameters.get("id", ""))
    file = await context.store.revoke_media(media_id)
    if file is None:
        raise RefusedError("there is no such link, or it was taken back already")
    file_id, source_type = file
    if source_type is not None:
        data_dir = context.channels[0].settings.relay_data_dir
        (data_dir / "media-cache" / cache_key(file_id, source_type)).unlink(missing_ok=True)
    log.info("media.revoked")
    return {"id": media_id}
