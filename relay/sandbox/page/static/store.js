// What the server tells: entries by key. A new connection begins with everything.

import { byId, say } from "./dom.js";

const entries = new Map();
const listeners = [];
let fresh = true;
let ahead = 0;

/** The server's clock, in Unix seconds. */
export const now = () => Date.now() / 1000 + ahead;

export const get = (key) => entries.get(key);

/** The entries whose keys begin with `prefix` and a slash, by the number after it. */
export function under(prefix) {
  const found = [];
  for (const [key, value] of entries) {
    if (key.startsWith(`${prefix}/`)) found.push({ key: key.slice(prefix.length + 1), value });
  }
  return found;
}

/** Messages of a chat in their order. */
export const numbered = (prefix) =>
  under(prefix).map(({ key, value }) => ({ number: Number(key), ...value })).sort((a, b) => a.number - b.number);

/** Call `listener(changed)` after each change; `changed` maps keys to what was there before. */
export const listen = (listener) => listeners.push(listener);

/** Listen to the server. */
export function connect() {
  const source = new EventSource("/events");
  source.addEventListener("open", () => {
    fresh = true;
    say(byId("link-state"), "");
  });
  source.addEventListener("error", () => say(byId("link-state"), "The demo has ended. Start it again with: make demo"));
  source.addEventListener("message", (event) => {
    const news = JSON.parse(event.data);
    const changed = new Map();
    if (fresh) {
      for (const key of entries.keys()) changed.set(key, entries.get(key));
      entries.clear();
    }
    ahead = news.now - Date.now() / 1000;
    for (const [key, value] of Object.entries(news.set)) {
      changed.set(key, entries.get(key));
      entries.set(key, value);
    }
    for (const key of news.gone) {
      changed.set(key, entries.get(key));
      entries.delete(key);
    }
    const first = fresh;
    fresh = false;
    for (const listener of listeners) listener(changed, first);
  });
}
