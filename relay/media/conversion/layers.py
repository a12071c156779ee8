"""How many layers a sticker draws: a few hundred bytes of compositions within compositions can ask for billions."""

from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

#: Those of a composition count each time that it is used. Stickers have some hundred.
_MOST: Final = 5_000


class TooManyLayersError(Exception):
    """More layers than any sticker needs, or a composition that holds itself."""


def check_layers(drawing: dict[str, Any]) -> None:
    """Raises TooManyLayersError, and whatever comes of a drawing in another shape than Lottie's."""
    layers = defaultdict[str | None, list[Any]](list, {None: drawing["layers"]})  # None: the drawing itself
    for asset in drawing.get("assets", []):
        layers[str(asset.get("id"))] += asset.get("layers", [])
    uses = {name: [str(layer["refId"]) for layer in inner if "refId" in layer] for name, inner in layers.items()}
    drawn: dict[str | None, int] = {}
    try:
        for name in TopologicalSorter[str | None](uses).static_order():
            drawn[name] = len(layers.get(name, ())) + sum(drawn[each] for each in uses.get(name, ()))
            if drawn[name] > _MOST:
                raise TooManyLayersError(f"more than {_MOST} layers")
    except CycleError:
        raise TooManyLayersError("a composition holds itself") from None
