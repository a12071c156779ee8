// Reading a chat: the end stays in sight for whoever is there, and the keyboard needs one stop for all of it.

import { byId, say } from "./dom.js";

const NEAR = 80; // pixels
const CONTROLS = "a, button:not(:disabled), video";

const atEnd = (chat) => chat.scrollHeight - chat.scrollTop - chat.clientHeight < NEAR;

/** Make a chat readable: called once for each. */
export function reads(chat) {
  const button = newer(chat);
  chat.addEventListener("scroll", () => atEnd(chat) && miss(chat, 0));
  button.addEventListener("click", () => {
    toEnd(chat);
    chat.querySelector('.row[tabindex="0"]')?.focus({ preventScroll: true });
  });
  // What grows when it has loaded moves only a reader who is where the end was.
  for (const grown of ["load", "loadedmetadata"]) {
    chat.addEventListener(grown, () => chat.scrollTop >= (chat.ended ?? 0) - 2 && toEnd(chat), true);
  }
  chat.addEventListener("focusin", (event) => stopAt(chat, event.target.closest(".row")));
  chat.addEventListener("keydown", (event) => {
    const to = event.altKey || event.ctrlKey || event.metaKey ? null : towards(event.key, chat, event.target);
    if (!to) return;
    event.preventDefault();
    to.focus();
  });
}

const newer = (chat) => byId(`${chat.id}-newer`);

function toEnd(chat) {
  chat.scrollTop = chat.scrollHeight;
  chat.ended = chat.scrollTop;
  miss(chat, 0);
}

function miss(chat, count) {
  chat.missed = count;
  newer(chat).hidden = !count;
  say(newer(chat), `↓ ${count} new`);
}

/** Draw with `work`, which returns the rows that are new. One's own words are always shown. */
export function keepEnd(chat, work, always = false) {
  const was = atEnd(chat);
  if (always) miss(chat, 0);
  const fresh = work();
  if (was || always || fresh.some((row) => row.classList.contains("mine"))) toEnd(chat);
  else if (fresh.length) miss(chat, (chat.missed ?? 0) + fresh.length);
  if (!chat.contains(document.activeElement)) stopAt(chat, rowsOf(chat).at(-1));
}

const rowsOf = (chat) => [...chat.querySelectorAll(".row")];

/** Let Tab come to this row, and to nothing else of the chat. */
function stopAt(chat, row) {
  if (!row) return;
  for (const held of chat.querySelectorAll('.row[tabindex="0"]')) if (held !== row) held.tabIndex = -1;
  row.tabIndex = 0;
}

/** Where a key leads: up and down from message to message, right into one, left and Escape back to it. */
function towards(key, chat, from) {
  const row = from.closest(".row");
  if (!row) return null;
  const rows = rowsOf(chat);
  const controls = [...row.querySelectorAll(CONTROLS)];
  const inside = controls.indexOf(from);
  switch (key) {
    case "ArrowUp": return rows[rows.indexOf(row) - 1];
    case "ArrowDown": return rows[rows.indexOf(row) + 1];
    case "Home": return rows[0];
    case "End": return rows.at(-1);
    case "ArrowRight": return controls[inside + 1];
    case "ArrowLeft": return inside > 0 ? controls[inside - 1] : row;
    case "Escape": return row;
    default: return null;
  }
}
