// A message on its way, seen: from the phone through the relay to the desk, or back.

import { byId, h } from "./dom.js";
import { stationOf } from "./relay.js";
import { get } from "./store.js";

const MOST = 10;
const REACHED = { sent: 1, relay: 2, there: 4, settled: 4, dead: 2 };
const LEG_MS = 190;
const still = matchMedia("(prefers-reduced-motion: reduce)");

let flying = 0;

/** Let fly what has moved. */
export function fly(changed, first) {
  if (first || still.matches || document.hidden) return;
  for (const [key, before] of changed) {
    const journey = key.startsWith("journey/") && get(key);
    if (!journey) continue;
    const from = before ? REACHED[before.stage] : 0;
    const to = REACHED[journey.stage];
    if (to > from) launch(journey.direction, from, to);
  }
}

/** The points of a journey: the sender's pane, the three stops, the receiver's pane; those that can be seen. */
function waypoints(direction) {
  const [from, to] = direction === "to_kit" ? ["chat", "desk-chat"] : ["desk-chat", "chat"];
  const edge = (id, right) => {
    const box = byId(id).getBoundingClientRect();
    return box.width ? { x: right ? box.right - 30 : box.left + 30, y: box.bottom - 46 } : null;
  };
  const stop = (name) => {
    const box = stationOf(direction, name).getBoundingClientRect();
    return box.width ? { x: box.left + box.width / 2, y: box.top + box.height / 2 } : null;
  };
  return [edge(from, direction === "to_kit"), stop("from"), stop("disk"), stop("to"), edge(to, direction !== "to_kit")];
}

function launch(direction, from, to) {
  const points = waypoints(direction).slice(from, to + 1).filter(Boolean);
  if (points.length < 2 || flying >= MOST) return;
  flying += 1;
  const packet = h("span", { class: `packet ${direction}` });
  byId("sky").append(packet);
  const steps = points.map(({ x, y }, number) => ({
    transform: `translate(${x}px, ${y}px) scale(${number === 0 || number === points.length - 1 ? 0.7 : 1})`,
    opacity: number === points.length - 1 && to === 4 ? 0.2 : 1,
    easing: "cubic-bezier(.45,.05,.3,1)",
  }));
  packet.animate(steps, { duration: LEG_MS * (points.length - 1), fill: "both" }).finished.finally(() => {
    packet.remove();
    flying -= 1;
  });
}
