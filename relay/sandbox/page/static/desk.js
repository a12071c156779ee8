// The desk: the inbox, a conversation, the customer's card, and answers.

import { ask, askWithFiles } from "./ask.js";
import { bubble, inWords, paint } from "./bubble.js";
import { announce, avatar, byId, bytes, clock, fill, h, icon, menu, patch, say } from "./dom.js";
import { whose } from "./phone.js";
import { keepEnd, reads } from "./reading.js";
import { get, numbered, under } from "./store.js";

const REASONS = [
  ["CLOSED_BY_AGENT", "Closed by the agent"],
  ["CLOSED_BY_BOT", "Closed by a bot"],
  ["CLOSED_BY_CLIENT_TIMEOUT", "Closed: the customer fell silent"],
  ["CLOSED_BY_UNKNOWN_REASON", "Closed for another reason"],
];
const ITEMS = [
  ["file", "From disk", null],
  ["photo", "Label", null],
  ["place", "Place", { type: "location", latitude: 52.5163, longitude: 13.3777, address: "Pariser Platz, Berlin" }],
  ["contact", "Contact", { type: "contact", name: "Parcel service", number: "+498001234567" }],
  ["buttons", "Buttons", { type: "telegram_inline_keyboard_markup", inline_keyboard_markup: [[{ text: "Yes, please", callback_data: "yes" }, { text: "No, thanks", callback_data: "no" }]] }],
  ["phone", "Ask number", { type: "telegram_reply_keyboard_markup", reply_keyboard_params: { one_time_keyboard: true }, reply_keyboard_markup: [[{ text: "Share my number", request_contact: true }, { text: "Rather not" }]] }],
];
const WORDS = { buttons: "Shall we send a new one?", phone: "May we call you?" };
const FIELDS = [["language", "Language"], ["phone", "Phone"], ["email", "E-mail"]];

let current = null;
let pending = [];
const read = new Map();

export function start() {
  const panel = byId("desk-menu");
  panel.append(...ITEMS.map(([name, words, item]) =>
    h("button", { type: "button", on: { click: () => add(name, item) } }, icon(name), h("span", { text: words }))));
  menu(byId("desk-more"), panel);
  const closing = byId("close-menu");
  closing.append(...REASONS.map(([reason, words]) =>
    h("button", { type: "button", on: { click: () => ask(path("close"), { reason }) } }, h("span", { text: words }))));
  menu(byId("close-more"), closing);
  byId("desk-form").addEventListener("submit", send);
  byId("desk-text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event);
  });
  byId("desk-text").addEventListener("input", grow);
  byId("desk-files").addEventListener("change", (event) => {
    hold([...event.target.files]);
    event.target.value = "";
  });
  byId("card-toggle").addEventListener("click", () => {
    const open = byId("desk-body").classList.toggle("with-card");
    byId("card-toggle").setAttribute("aria-expanded", String(open));
  });
  reads(byId("desk-chat"));
  byId("desk-back").addEventListener("click", () => byId("desk-body").classList.remove("reading"));
}

const path = (deed) => `/do/desk/${encodeURIComponent(current)}/${deed}`;

function grow() {
  const field = byId("desk-text");
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, 140)}px`;
}

async function add(name, item) {
  if (!current) return;
  if (name === "file") byId("desk-files").click();
  else if (name === "photo") {
    const answer = await fetch("/samples/label.jpg");
    hold([new File([await answer.blob()], "label.jpg", { type: "image/jpeg" })]);
  } else {
    const field = byId("desk-text");
    const text = field.value.trim() || (WORDS[name] ?? "");
    field.value = "";
    await ask(path("say"), { text, items: [item] });
  }
}

function hold(files) {
  pending = [...pending, ...files].slice(0, 10);
  showPending();
  byId("desk-text").focus();
}

function showPending() {
  byId("desk-pending").replaceChildren(...pending.map((file) =>
    h("li", {}, icon("attach"), h("span", { text: `${file.name} (${bytes(file.size)})` }),
      h("button", { type: "button", class: "quiet", "aria-label": `Leave out ${file.name}`, on: { click: () => { pending = pending.filter((one) => one !== file); showPending(); } } }, icon("close")))));
}

async function send(event) {
  event.preventDefault();
  const field = byId("desk-text");
  const text = field.value;
  const files = pending;
  if (!current || (!text.trim() && !files.length)) return;
  field.value = "";
  pending = [];
  showPending();
  grow();
  const sent = files.length ? await askWithFiles(path("say"), { text }, files) : await ask(path("say"), { text });
  if (!sent) {
    field.value = text;
    hold(files);
  }
}

export function render(changed, first) {
  const cards = under("desk").filter(({ key }) => !key.includes("/")).map(({ value }) => value).sort((a, b) => b.at - a.at);
  if (current === null && cards.length) current = (cards.find((card) => card.client === String(whose())) ?? cards.at(-1)).client;
  if (seen() && current) read.set(current, get(`desk/${current}`)?.heard ?? 0);
  patch(byId("inbox"), cards, (card) => card.client, conversation, showConversation);
  byId("desk-body").classList.toggle("empty", !cards.length);
  const card = get(`desk/${current}`);
  for (const id of ["desk-text", "desk-more", "card-toggle"]) byId(id).disabled = !card;
  byId("close-more").disabled = !card?.open;
  if (!card) return;
  say(byId("desk-name"), card.name);
  say(byId("desk-status"), card.open ? "open" : "closed");
  byId("desk-status").className = card.open ? "open" : "closed";
  const face = JSON.stringify([card.name, card.avatar]);
  const holder = byId("desk-avatar");
  if (holder.dataset.face !== face) {
    const fresh = avatar(card.name, card.avatar);
    fresh.id = "desk-avatar";
    fresh.dataset.face = face;
    holder.replaceWith(fresh);
  }
  showCard(card);
  const list = byId("desk-chat");
  const entries = numbered(`desk/${current}`);
  const switched = list.dataset.of !== current;
  if (switched) {
    list.dataset.of = current;
    list.known = new Map();
    list.replaceChildren();
  }
  keepEnd(list, () => {
    const fresh = patch(list, entries, (entry) => entry.number, (entry) => (entry.closed ? h("div", { class: "divider" }, h("span")) : bubble()), (row, entry) => {
      if (entry.closed) return say(row.firstChild, `${(REASONS.find(([reason]) => reason === entry.closed) ?? [0, entry.closed])[1]} · ${clock(entry.at)}`);
      paint(row, entry, { author: entry.mine ? entry.author || "Agent" : card.name, extra: buttons });
    });
    if (!first && !switched) {
      for (const row of fresh) row.classList.add("fresh");
      const last = entries.at(-1);
      if (fresh.length && last && !last.mine) announce(`At the desk, ${card.name}: ${inWords(last)}`);
    }
    return fresh;
  }, switched);
}

const buttons = (entry) => (entry.buttons?.length ? entry.buttons.map((row) => h("div", { class: "buttons" }, row.map((button) => h("span", { text: button.text })))) : null);

const conversation = (card) => h("li", {}, h("button", { type: "button", class: "inbox-row", on: { click: () => open(card.client) } }));

function showConversation(item, card) {
  const count = unreadOf(card);
  const state = JSON.stringify([card.name, card.avatar, card.preview, card.at, card.open, count, card.client === current]);
  if (item.dataset.state === state) return;
  item.dataset.state = state;
  const button = item.firstChild;
  button.setAttribute("aria-current", card.client === current ? "true" : "false");
  button.setAttribute("aria-label", `${card.name}${count ? `, ${count} unread` : ""}${card.open ? "" : ", closed"}: ${card.preview}`);
  fill(button, avatar(card.name, card.avatar),
    h("span", { class: "inbox-words" },
      h("span", { class: "inbox-top" }, h("strong", { text: card.name }), h("time", { text: clock(card.at) })),
      h("span", { class: "inbox-top" }, h("span", { class: "preview", text: card.preview }), count ? h("span", { class: "badge", text: String(count) }) : card.open ? null : icon("tick"))));
}

function showCard(card) {
  const state = JSON.stringify({ ...card, last: 0, heard: 0, at: 0, preview: "" });
  const aside = byId("card");
  if (aside.dataset.state === state) return;
  aside.dataset.state = state;
  const rows = FIELDS.filter(([name]) => card[name]).map(([name, words]) => [words, card[name]]);
  rows.unshift(["Client id", card.client]);
  if (card.utm) rows.push(...Object.entries(card.utm).map(([name, value]) => [`utm ${name}`, value]));
  if (card.page) rows.push(["Page", card.page.title || card.page.url]);
  if (card.location?.latitude !== undefined) rows.push(["Place", `${card.location.latitude.toFixed(3)}, ${card.location.longitude.toFixed(3)}`]);
  fill(aside, avatar(card.name, card.avatar), h("strong", { class: "card-name", text: card.name }),
    h("dl", {}, rows.map(([name, value]) => h("div", {}, h("dt", { text: name }), h("dd", { text: String(value) })))));
}

const seen = () => !document.hidden && byId("desk").offsetParent !== null && (matchMedia("(min-width: 1020px)").matches || byId("desk-body").classList.contains("reading"));

function unreadOf(card) {
  const from = read.get(card.client) ?? 0;
  return card.heard <= from ? 0 : numbered(`desk/${card.client}`).filter((entry) => !entry.mine && entry.number > from).length;
}

export const unread = () => under("desk").filter(({ key }) => !key.includes("/")).reduce((sum, { value }) => sum + unreadOf(value), 0);

function open(client) {
  current = client;
  byId("desk-body").classList.add("reading");
  render(new Map(), false);
}
