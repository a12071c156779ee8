// The phone: choose a customer, read, write, send whatever a customer can send.

import { ask, askWithFiles } from "./ask.js";
import { bubble, inWords, paint } from "./bubble.js";
import { announce, avatar, byId, h, icon, menu, patch, say } from "./dom.js";
import { keepEnd, reads } from "./reading.js";
import { get, now, numbered } from "./store.js";

const SAMPLES = [
  ["photo", "Photo"], ["album", "Album"], ["voice", "Voice"], ["sticker", "Sticker"],
  ["location", "Place", "place"], ["contact", "My number"], ["file", "From disk"], ["start", "/start", "relay"],
];
const REACTIONS = ["👍", "❤️", "😂", "😢"];
const ACTIONS = { typing: "typing…", upload_photo: "sends a photo…", upload_document: "sends a file…", upload_video: "sends a video…", record_voice: "records…", upload_voice: "sends a voice message…" };
const ACTION_SECONDS = 5;

let current = null;
let note = null; // { kind: "reply" | "edit", message }
const read = new Map();

export const whose = () => current;

const path = (deed) => `/do/phone/${current}/${deed}`;

export function start() {
  const panel = byId("phone-menu");
  panel.append(...SAMPLES.map(([what, words, drawn]) =>
    h("button", { type: "button", on: { click: () => (what === "file" ? byId("phone-files").click() : ask(path("sample"), { what })) } }, icon(drawn ?? what), h("span", { text: words }))));
  menu(byId("phone-more"), panel);
  byId("phone-form").addEventListener("submit", send);
  byId("phone-files").addEventListener("change", sendFiles);
  byId("phone-note-drop").addEventListener("click", () => take(null));
  byId("block").addEventListener("click", () => ask(path("block"), { blocked: !chat().blocked }));
  reads(byId("chat"));
  setInterval(status, 1000);
}

const chat = () => get(`phone/${current}`) ?? { keyboard: [] };

async function send(event) {
  event.preventDefault();
  const field = byId("phone-text");
  const text = field.value;
  if (!text.trim()) return;
  performance.mark("phone-send");
  const before = note;
  field.value = "";
  take(null);
  const sent = before?.kind === "edit"
    ? await ask(path("edit"), { message_id: before.message.id, text })
    : await ask(path("text"), { text, ...(before ? { reply_to: before.message.id } : {}) });
  if (!sent) field.value = text;
}

async function sendFiles(event) {
  const files = [...event.target.files];
  event.target.value = "";
  if (files.length) await askWithFiles(path("files"), { caption: byId("phone-text").value }, files);
  byId("phone-text").value = "";
}

function take(what) {
  note = what;
  byId("phone-note").hidden = !what;
  if (!what) return;
  say(byId("phone-note-words"), `${what.kind === "edit" ? "Edit" : "Reply to"}: ${inWords(what.message)}`);
  const field = byId("phone-text");
  if (what.kind === "edit") field.value = what.message.text;
  field.focus();
}

/** Photos of an album come as a message each, and are shown as one. */
function grouped(messages) {
  const shown = [];
  for (const message of messages) {
    const last = shown.at(-1);
    if (message.album && last?.album === message.album) {
      shown[shown.length - 1] = { ...last, files: [...last.files, ...message.files], text: last.text || message.text, stage: behind(last.stage, message.stage), ms: Math.max(last.ms ?? 0, message.ms ?? 0) || null };
    } else shown.push(message);
  }
  return shown;
}

const ORDER = ["dead", "sent", "relay", "there", "settled"];
const behind = (one, other) => (ORDER.indexOf(one) <= ORDER.indexOf(other) ? one : other);

function tools(message) {
  const made = [h("button", { type: "button", "aria-label": "Reply", title: "Reply", on: { click: () => take({ kind: "reply", message }) } }, icon("reply"))];
  if (message.editable) made.push(h("button", { type: "button", "aria-label": "Edit", title: "Edit", on: { click: () => take({ kind: "edit", message }) } }, icon("edit")));
  made.push(...REACTIONS.map((emoji) =>
    h("button", { type: "button", "aria-label": `React ${emoji}`, text: emoji, on: { click: () => ask(path("react"), { message_id: message.id, emoji }) } })));
  return made;
}

function buttons(message) {
  if (!message.buttons?.length) return null;
  return message.buttons.map((row) => h("div", { class: "buttons" }, row.map((button) =>
    h("button", { type: "button", text: button.text, disabled: !button.callback_data, on: { click: () => ask(path("press"), { message_id: message.id, data: button.callback_data }) } }))));
}

export function render(changed, first) {
  const people = get("cast")?.people ?? [];
  if (current === null && people.length) current = people[0].id;
  patch(byId("people"), people, (one) => one.id, person, showPerson);
  const phone = chat();
  const list = byId("chat");
  const messages = grouped(numbered(`phone/${current}`));
  const switched = list.dataset.of !== String(current);
  if (switched) {
    list.dataset.of = String(current);
    list.known = new Map();
    list.replaceChildren();
  }
  keepEnd(list, () => {
    const fresh = patch(list, messages, (message) => message.number, bubble, (row, message) =>
      paint(row, message, { author: message.mine ? nameOf(current) : "Sandbox support", extra: buttons, tools }));
    if (!first && !switched) {
      for (const row of fresh) row.classList.add("fresh");
      const last = messages.at(-1);
      if (fresh.length && last && !last.mine) announce(`On the phone: ${inWords(last)}`);
    }
    return fresh;
  }, switched);
  if (messages.length) read.set(current, messages.at(-1).number);
  list.classList.toggle("empty", !messages.length);
  say(byId("block-words"), phone.blocked ? "Unblock" : "Block");
  byId("block").setAttribute("aria-label", phone.blocked ? "Unblock the bot" : "Block the bot");
  for (const id of ["phone-text", "phone-more"]) byId(id).disabled = Boolean(phone.blocked);
  byId("phone-text").placeholder = phone.blocked ? "You blocked the bot" : "Message";
  keyboard(phone);
  status();
}

function keyboard(phone) {
  const shown = phone.blocked ? [] : phone.keyboard ?? [];
  const element = byId("keyboard");
  const known = JSON.stringify([current, phone.keyboard_from, shown]);
  if (element.dataset.known === known) return;
  element.dataset.known = known;
  element.hidden = !shown.length;
  element.replaceChildren(...shown.map((row) => h("div", { class: "buttons" }, row.map((key) =>
    h("button", { type: "button", text: key.text, on: { click: () => press(key) } })))));
}

/** A keyboard has done its work with one press, until the bot brings another. */
async function press(key) {
  if (await ask(path("press"), { key: key.text })) byId("keyboard").hidden = true;
}

function status() {
  const phone = chat();
  const acts = phone.action && now() - phone.action_at < ACTION_SECONDS;
  say(byId("chat-status"), phone.blocked ? "blocked" : acts ? (ACTIONS[phone.action] ?? "is busy…") : "bot");
  byId("chat-status").classList.toggle("acts", Boolean(acts));
}

const person = (one) => h("button", { type: "button", class: "who", on: { click: () => choose(one.id) } }, avatar(one.name, one.avatar), h("span", { text: one.name.split(" ")[0] }), h("span", { class: "dot", hidden: true }));

function showPerson(button, one) {
  const chosen = one.id === current;
  const unread = !chosen && unreadOf(one.id);
  button.setAttribute("aria-pressed", String(chosen));
  button.setAttribute("aria-label", `${one.name}, ${one.language}${unread ? ", new message" : ""}`);
  button.querySelector(".dot").hidden = !unread;
}

function unreadOf(id) {
  const last = numbered(`phone/${id}`).filter((message) => !message.mine).at(-1);
  return Boolean(last && last.number > (read.get(id) ?? 0));
}

export const unread = () => (get("cast")?.people ?? []).filter((one) => one.id !== current && unreadOf(one.id)).length;

function choose(id) {
  current = id;
  take(null);
  render(new Map(), false);
}

export const nameOf = (id) => get("cast")?.people.find((one) => String(one.id) === String(id))?.name ?? String(id);
export const pictureOf = (id) => get("cast")?.people.find((one) => String(one.id) === String(id))?.avatar ?? "";
