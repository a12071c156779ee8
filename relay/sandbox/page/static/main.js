// The page: three parts that draw what the server tells.

import * as desk from "./desk.js";
import { byId, say } from "./dom.js";
import { fly } from "./flight.js";
import * as phone from "./phone.js";
import * as relay from "./relay.js";
import { connect, listen } from "./store.js";

function badge(id, count) {
  const element = byId(id);
  element.hidden = !count;
  say(element, count > 99 ? "99+" : String(count));
}

function badges() {
  badge("badge-phone", phone.unread());
  badge("badge-relay", relay.waiting());
  badge("badge-desk", desk.unread());
}

function show(tab) {
  byId("stage").dataset.tab = tab;
  for (const button of document.querySelectorAll(".tabs button")) {
    button.setAttribute("aria-pressed", String(button.dataset.tab === tab));
  }
  draw(new Map(), false);
}

/** Whether something of these kinds has changed; nothing named means that all is to be drawn. */
const concerns = (changed, ...kinds) => !changed.size || [...changed.keys()].some((key) => kinds.includes(key.split("/", 1)[0]));

function draw(changed, first) {
  if (concerns(changed, "phone", "cast")) phone.render(changed, first);
  relay.render(changed, first);
  if (concerns(changed, "desk", "cast")) desk.render(changed, first);
  badges();
  fly(changed, first);
}

byId("try-close").addEventListener("click", () => (byId("try").hidden = true));
phone.start();
relay.start();
desk.start();
for (const button of document.querySelectorAll(".tabs button")) button.addEventListener("click", () => show(button.dataset.tab));
for (const link of document.querySelectorAll("#skips a")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    show(link.dataset.tab);
    if (link.dataset.tab === "desk") byId("desk-body").classList.add("reading");
    byId(link.hash.slice(1)).focus();
  });
}
document.addEventListener("visibilitychange", () => draw(new Map(), true));
listen(draw);
connect();
