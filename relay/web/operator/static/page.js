// The operator's page: asks the relay every two seconds, and draws what it says.

import { draw, fill, h, line, many, number, say, span } from "./drawing.js";

const EVERY = 2000; // milliseconds between two looks
const KEPT = 150; // looks that a line shows: five minutes
const WAYS = { to_kit: ["From customers to Kit", "to Kit"], to_telegram: ["From agents to Telegram", "to Telegram"], to_telegram_late: ["", "to Telegram, late files"] };
const SIDES = { telegram: "Telegram", kit: "Kit", callbacks: "Kit's callbacks", database: "Database", oldest_waiting: "Waiting" };
const AGES = { 10: "under 10 s", 60: "under 1 min", 600: "under 10 min", 3600: "under 1 h", older: "older" };

const byId = (id) => document.getElementById(id);
const past = new Map();
const sections = new Map();
let asked = 0; // when the last answer came

async function ask() {
  try {
    const response = await fetch("/overview", { cache: "no-store", signal: AbortSignal.timeout(10_000) });
    const told = await response.json();
    if (!response.ok) return troubled(told.error);
    asked = Date.now();
    show(told);
  } catch {
    troubled("The relay does not answer. Does it run?");
  }
}

/** The figures that stand there are old; say so, and why. */
function troubled(reason) {
  say(byId("state"), reason);
  byId("state").className = "state unwell";
  document.body.classList.add("stale");
  age();
}

function age() {
  say(byId("asof"), asked ? `Figures from ${span((Date.now() - asked) / 1000)} ago` : "");
}

function show(told) {
  document.body.classList.remove("stale");
  const calls = needs(told);
  showState(calls.length, told.channels.reduce((sum, channel) => sum + lying(channel), 0));
  say(byId("asof"), `Version ${told.version}, has run for ${span(told.uptime)}`);
  byId("calls").hidden = !calls.length;
  draw(byId("calls-list"), calls, (list) => list.map(checkItem));
  for (const channel of told.channels) showChannel(channel);
  for (const [bot, section] of sections) {
    if (told.channels.some((channel) => channel.bot === bot)) continue;
    section.remove();
    sections.delete(bot);
  }
}

/** In one line, whether somebody must do something now, or should look some time today. */
function showState(calls, dead) {
  const letters = many(dead, "dead letter", "dead letters");
  if (calls) say(byId("state"), many(calls, "thing needs a person", "things need a person"));
  else say(byId("state"), dead ? `It works; ${letters} to look at` : "All is well");
  byId("state").className = calls ? "state unwell" : dead ? "state lying" : "state ok";
}

const lying = (channel) => channel.directions.to_kit.dead_letters + channel.directions.to_telegram.dead_letters;

/** Every check that is not well, and every warning, by name. */
function needs(told) {
  const unwell = Object.entries(told.checks).filter(([, check]) => !check.ok);
  const warned = Object.entries(told.warnings).map(([name, reason]) => [name, { ok: false, reason }]);
  return [...unwell, ...warned].map(([name, check]) => ({ name: nameOf(name), ...check }));
}

/** A check of one of several channels has the channel in front of its name. */
function nameOf(check) {
  const known = Object.keys(SIDES).find((name) => check === name || check.endsWith(name));
  return known ? `${check.slice(0, -known.length)}${SIDES[known]}` : check;
}

function checkItem(check) {
  const mark = h("span", { class: "mark", "aria-hidden": "true", text: check.ok ? "✓" : "!" });
  const remedy = check.remedy ? h("span", { class: "remedy", text: check.remedy }) : null;
  return h("li", { class: check.ok ? "ok" : "unwell" }, mark, h("strong", { text: check.name }), h("span", { text: check.reason }), remedy);
}

function sectionOf(channel) {
  const known = sections.get(channel.bot);
  if (known) return known;
  const parts = ["head", "sides", "ways", "lanes", "dead"].map((name) => h("div", { class: name }));
  const section = h("section", { class: "channel" }, parts);
  sections.set(channel.bot, section);
  byId("channels").append(section);
  return section;
}

function showChannel(channel) {
  const [head, sides, ways, lanes, dead] = sectionOf(channel).children;
  const title = channel.username ? `Channel ${channel.name}, @${channel.username}` : `Channel ${channel.name}`;
  draw(head, title, (text) => h("h2", { text }));
  const checks = [...Object.entries(channel.sides), ["callbacks", channel.callbacks], ["oldest_waiting", channel.oldest_waiting]];
  const shown = checks.map(([name, check]) => ({ name: SIDES[name] ?? name, ok: check.ok, reason: check.reason, remedy: check.remedy }));
  draw(sides, shown, (list) => h("ul", { class: "checks" }, list.map(checkItem)));
  fill(ways, Object.entries(channel.directions).map(([way, figures]) => wayCard(channel, way, figures)));
  draw(lanes, [channel.lanes, channel.lanes_in_all], () => lanesList(channel));
  draw(dead, [channel.dead_letters, lying(channel)], () => deadList(channel));
}

function wayCard(channel, way, figures) {
  const key = `${channel.bot}/${way}`;
  const rates = [...(past.get(key) ?? []), figures.delivered_per_minute].slice(-KEPT);
  past.set(key, rates);
  const totals = figures.totals;
  const sum = `${number(totals.received)} received + ${number(totals.revived)} retried = ${number(totals.delivered)} delivered + ${number(figures.waiting)} waiting + ${number(totals.dead)} dead + ${number(totals.declined)} declined`;
  return h("article", { class: figures.waiting || figures.dead_letters ? "way busy" : "way" },
    h("h3", { text: WAYS[way][0] }),
    h("dl", { class: "figures" },
      figure("in a minute", number(figures.received_per_minute)),
      figure("out a minute", number(figures.delivered_per_minute)),
      figure("wait", number(figures.waiting), figures.waiting ? "amber" : ""),
      figure("oldest", span(figures.oldest_waiting), figures.oldest_waiting >= 300 ? "red" : ""),
      figure("19 of 20 tries take less than", figures.attempt_seconds === null ? "–" : `${figures.attempt_seconds.toFixed(2)} s`),
      figure("dead letters", number(figures.dead_letters), figures.dead_letters ? "red" : "")),
    line(rates),
    figures.waiting ? ages(figures.waiting_by_age) : null,
    h("p", { class: "sum", text: sum }));
}

const figure = (name, value, mark = "") => h("div", { class: mark }, h("dt", { text: name }), h("dd", { text: value }));

function ages(waiting) {
  const told = Object.entries(AGES).filter(([age]) => waiting[age]);
  return h("p", { class: "ages", text: `Waiting: ${told.map(([age, words]) => `${number(waiting[age])} ${words}`).join(", ")}` });
}

function lanesList(channel) {
  const left = channel.lanes_in_all - channel.lanes.length;
  return [
    h("h3", { text: "Chats that wait" }),
    channel.lanes.length ? h("ul", { class: "rows" }, channel.lanes.map(laneItem)) : h("p", { class: "none", text: "None." }),
    left > 0 ? h("p", { class: "none", text: `And ${number(left)} more.` }) : null,
  ];
}

function laneItem(lane) {
  const tries = lane.attempts ? `, ${many(lane.attempts, "attempt", "attempts")}` : "";
  const next = lane.due_in > 1 ? `, next in ${span(lane.due_in)}` : "";
  return h("li", { class: "amber" },
    h("span", { class: "whose", text: `customer ${lane.client} ${WAYS[lane.direction][1]}` }),
    h("span", { class: "figures-of", text: `${many(lane.waiting, "waits", "wait")} for ${span(lane.oldest)}${tries}${next}` }),
    lane.reason ? h("span", { class: "why", text: lane.reason }) : null);
}

function deadList(channel) {
  const left = lying(channel) - channel.dead_letters.length;
  return [
    h("h3", { text: "Dead letters" }),
    channel.dead_letters.length ? h("ul", { class: "rows" }, channel.dead_letters.map(deadItem)) : h("p", { class: "none", text: "None." }),
    left > 0 ? h("p", { class: "none", text: `And ${number(left)} older ones: relay dead list` }) : null,
  ];
}

function deadItem(letter) {
  const whose = letter.client === null ? "could not be read" : `customer ${letter.client}`;
  return h("li", { class: "red" },
    h("span", { class: "whose", text: `no. ${letter.id}, ${whose}, ${WAYS[letter.direction][1]}` }),
    h("span", { class: "figures-of", text: `died ${span(letter.age)} ago` }),
    h("span", { class: "why", text: letter.reason }));
}

async function watch() {
  if (!document.hidden) await ask();
  setTimeout(watch, EVERY);
}

document.addEventListener("visibilitychange", () => document.hidden || ask());
watch();
