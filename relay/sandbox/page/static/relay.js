// The relay: its process, what goes through it, and the switches that break things.

import { ask } from "./ask.js";
import { announce, avatar, byId, fill, h, icon, patch, say, span } from "./dom.js";
import { nameOf, pictureOf, whose } from "./phone.js";
import { get, now, under } from "./store.js";

const SWITCHES = [
  ["kit_down", "Kit down", "answers nobody"],
  ["telegram_down", "Telegram down", "answers nobody"],
  ["slow", "Both slow", "1.5 s an answer"],
  ["strict", "Telegram: 429", "1 message in 6 s"],
  ["lose", "Lost answer", "Kit’s next 200"],
];
const SETTINGS = [
  ["stars", "Ask for stars", "at the end", "RELAY_ASK_RATING"],
  ["closing", "Say it is closed", "and by whom", "RELAY_CLOSING_TEXTS"],
  ["agent_name", "Agent’s name", "above answers", "RELAY_SHOW_AGENT_NAME"],
];
const ENDS = { to_kit: ["phone", "desk"], to_telegram: ["desk", "phone"] };
const HELD = { phone: "at Telegram", desk: "at Kit" };
const THERE = { phone: "on the phone", desk: "at the desk" };
const STAGE = { sent: ["clock", "outside"], relay: ["tick", "on disk"], there: ["ticks", "delivered"], settled: ["ticks", "done"], dead: ["alert", "dead letter"] };

const stations = {};
let state = "";
let wasDown = false;

export function start() {
  byId("tracks").append(track("to_kit", "Customers to agents"), track("to_telegram", "Agents to customers"));
  byId("switches").append(
    ...SWITCHES.map(([name, words, hint]) => knob(name, words, hint, () => ask("/do/switch", { name, on: !get("switches")?.[name] }))),
    h("button", { type: "button", class: "switch kill", id: "kill", on: { click: () => ask("/do/kill") } },
      icon("bolt"), h("span", { class: "switch-words" }, h("strong", { text: "kill -9 the relay" }), h("small", { id: "kill-hint", text: "back after 3 s" }))));
  byId("settings").append(...SETTINGS.map(([name, words, hint, setting]) => knob(name, words, hint, () => ask("/do/setting", { name, on: !get("process")?.settings[name] }), setting)));
  byId("deep-link-open").addEventListener("click", () => ask(`/do/phone/${whose()}/sample`, { what: "link" }));
  setInterval(process, 250);
}

const knob = (name, words, hint, click, title = null) =>
  h("button", { type: "button", class: "switch", id: `switch-${name}`, role: "switch", "aria-checked": "false", title, on: { click } },
    h("span", { class: "knob", "aria-hidden": "true" }), h("span", { class: "switch-words" }, h("strong", { text: words }), h("small", { text: hint })));

/** The three stops of a direction: where the sender's side holds it, the relay's disk, the receiver. */
function track(direction, words) {
  const [from, to] = ENDS[direction];
  const stops = [["from", from, HELD[from]], ["disk", "relay", "on disk"], ["to", to, THERE[to]]].map(([stop, drawn, under]) => {
    const count = h("b", { text: "0" });
    const element = h("div", { class: `stop ${stop}` }, h("span", { class: "stop-face" }, icon(drawn)), count, h("small", { text: under }));
    stations[`${direction}/${stop}`] = { element, count };
    return element;
  });
  if (direction === "to_telegram") stops.reverse();
  return h("div", { class: `track ${direction}`, role: "group", "aria-label": words },
    h("div", { class: "track-head" }, h("span", { text: words }), h("span", { class: "track-ms", id: `ms-${direction}` })),
    h("div", { class: "rail" }, stops));
}

export const stationOf = (direction, stop) => stations[`${direction}/${stop}`]?.element.querySelector(".stop-face");

function process() {
  const found = get("process");
  if (!found) return;
  const seconds = Math.max(0, Math.round(now() - found.since));
  const back = Math.max(0, Math.ceil(found.back_at - now()));
  const words = {
    running: `process ${found.pid} · ${seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`}`,
    starting: "starting…",
    killed: `killed · back in ${back} s`,
    stopped: "stopped",
  }[found.state];
  say(byId("process"), words);
  byId("process").className = `process ${found.state}`;
  byId("kill").disabled = found.state !== "running";
  byId("relay").dataset.state = found.state;
  if (state && state !== found.state) {
    if (found.state === "killed") announce("The relay was killed");
    if (found.state === "running") {
      announce("The relay is back");
      document.dispatchEvent(new Event("files-back"));
    }
  }
  state = found.state;
}

export function render() {
  process();
  const gauges = get("gauges") ?? { directions: {}, checks: {} };
  const switches = get("switches") ?? {};
  if (wasDown && !switches.telegram_down) document.dispatchEvent(new Event("files-back"));
  wasDown = Boolean(switches.telegram_down);
  for (const direction of ["to_kit", "to_telegram"]) showTrack(direction, gauges.directions[direction] ?? {}, switches);
  showProof(gauges);
  for (const [name] of SWITCHES) byId(`switch-${name}`).setAttribute("aria-checked", String(Boolean(switches[name])));
  for (const [name] of SETTINGS) byId(`switch-${name}`).setAttribute("aria-checked", String(Boolean(get("process")?.settings[name])));
  say(byId("deep-link-url"), get("cast")?.link ?? "");
  const kills = get("process")?.kills ?? 0;
  say(byId("kill-hint"), kills ? `killed ${kills === 1 ? "once" : `${kills} times`}` : "back after 3 s");
  showHealth(gauges);
  const lanes = under("lane").map(({ key, value }) => ({ key, ...value })).sort((a, b) => (a.key < b.key ? -1 : 1));
  patch(byId("lanes"), lanes, (lane) => lane.key, () => h("li"), showLane);
  const dead = under("dead").map(({ key, value }) => ({ key, ...value })).reverse();
  say(byId("dead-note"), dead.length ? "kept until a person decides" : "none");
  patch(byId("dead"), dead, (one) => one.key, () => h("li"), (item, one) => {
    if (item.dataset.known === one.reason) return;
    item.dataset.known = one.reason;
    const again = one.delivery && h("button", { type: "button", class: "quiet", text: "Try again", on: { click: () => ask("/do/retry", { delivery: one.delivery }) } });
    fill(item, icon("alert"), h("div", {}, h("strong", { text: one.what || "an update that nobody can read" }), h("span", { text: one.reason || "" })), again);
  });
  const feed = under("journey").map(({ value }) => value).sort((a, b) => b.number - a.number).slice(0, 40);
  patch(byId("feed"), feed, (one) => one.number, () => h("li"), showJourney);
}

function showTrack(direction, figures, switches) {
  const counts = { from: figures.outside ?? 0, disk: figures.waiting ?? 0, to: figures.delivered ?? 0 };
  const waits = { from: counts.from > 0, disk: counts.disk > 0 };
  const [from, to] = ENDS[direction];
  const down = { phone: switches.telegram_down, desk: switches.kit_down };
  for (const [stop, count] of Object.entries(counts)) {
    const { element, count: shown } = stations[`${direction}/${stop}`];
    say(shown, String(count));
    element.classList.toggle("waits", Boolean(waits[stop]));
    element.classList.toggle("down", Boolean(stop === "from" ? from === "phone" && down.phone : stop === "to" ? down[to] : state === "killed"));
  }
  say(byId(`ms-${direction}`), figures.median_ms ? `median ${span(figures.median_ms)}` : "");
}

/** A dead letter that was tried again has been dead, and is counted once more for what becomes of it. */
function showProof(gauges) {
  const sums = { received: 0, revived: 0, delivered: 0, waiting: 0, dead: 0, declined: 0 };
  for (const figures of Object.values(gauges.directions)) for (const name of Object.keys(sums)) sums[name] += figures[name] ?? 0;
  const whole = sums.received + sums.revived === sums.delivered + sums.waiting + sums.dead + sums.declined;
  const element = byId("proof");
  const state = JSON.stringify([sums, gauges.fresh]);
  if (element.dataset.state === state) return;
  element.dataset.state = state;
  element.classList.toggle("stale", !gauges.fresh);
  element.classList.toggle("broken", !whole);
  fill(element, icon(whole ? "tick" : "alert"), h("span", {},
    h("b", { text: String(sums.received) }), " received", sums.revived ? h("span", {}, " + ", h("b", { text: String(sums.revived) }), " retried") : null, whole ? " = " : " ≠ ", h("b", { text: String(sums.delivered) }), " delivered + ", h("b", { text: String(sums.waiting) }),
    " waiting + ", h("b", { text: String(sums.dead) }), " dead + ", h("b", { text: String(sums.declined) }), " declined", gauges.fresh ? "" : " (as of the last answer)"));
}

const CHECKS = { telegram: "Telegram", kit: "Kit", database: "Database", oldest_waiting: "Queue" };

function showHealth(gauges) {
  const checks = Object.entries(gauges.checks);
  const shown = checks.length ? checks.map(([name, check]) => ({ name: CHECKS[name] ?? name, ...check })) : [{ name: "Relay", ok: false, reason: "does not answer" }];
  patch(byId("health"), shown, (check) => check.name, () => h("li", {}, h("strong"), h("span")), (item, check) => {
    item.className = check.ok ? "ok" : "unwell";
    say(item.firstChild, check.name);
    say(item.lastChild, check.reason);
  });
}

function showLane(item, lane) {
  const known = JSON.stringify(lane);
  if (item.dataset.known === known) return;
  item.dataset.known = known;
  const waits = lane.outside + lane.waiting;
  const target = lane.direction === "to_kit" ? "desk" : "phone";
  item.className = waits ? "waits" : "";
  const dots = Array.from({ length: Math.min(waits, 8) }, (_, n) => h("i", { class: n < lane.waiting ? "disk" : "" }));
  const words = lane.reason || (lane.outside ? (lane.direction === "to_kit" ? "wait at Telegram" : "Kit repeats the callback") : "on the way");
  fill(item, avatar(nameOf(lane.client), pictureOf(lane.client)),
    h("span", { class: "lane-name" }, h("strong", { text: nameOf(lane.client).split(" ")[0] }), ` to ${target}`),
    waits
      ? h("span", { class: "lane-state" }, h("span", { class: "dots", "aria-hidden": "true" }, dots), `${waits} wait${waits === 1 ? "s" : ""}${lane.attempts > 1 ? `, attempt ${lane.attempts}` : ""}`)
      : h("span", { class: "lane-state" }, lane.ms ? `last ${span(lane.ms)}` : "", ` · ${lane.arrived} in order`),
    waits ? h("span", { class: "lane-why", text: words }) : null);
}

function showJourney(item, journey) {
  const known = JSON.stringify(journey);
  if (item.dataset.known === known) return;
  item.dataset.known = known;
  const [drawn, words] = STAGE[journey.stage];
  item.className = journey.stage;
  fill(item, h("span", { class: "feed-icon", role: "img", "aria-label": words }, icon(drawn)),
    h("span", { class: "feed-what" }, h("strong", { text: nameOf(journey.client).split(" ")[0] }), journey.direction === "to_kit" ? " → desk  " : " ← desk  ", h("span", { text: journey.what })),
    h("span", { class: "feed-ms", text: journey.ms ? span(journey.ms) : words }),
    journey.twice ? h("span", { class: "feed-note", text: "sent again under the same id; Kit dropped the second" }) : null,
    journey.reason ? h("span", { class: "feed-note", text: journey.reason }) : null);
}

/** How many wait, both ways. */
export const waiting = () => under("lane").reduce((sum, { value }) => sum + value.outside + value.waiting, 0);
