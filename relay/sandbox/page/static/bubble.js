// A message as both ends show it.

import { bytes, clock, fill, h, icon, span } from "./dom.js";

const STYLES = { bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code", pre: "pre", blockquote: "blockquote" };
const PICTURES = new Set(["photo", "sticker", "animation"]);
const BARS = 28;

/** The element of a message, empty; `paint` fills it. */
export const bubble = () =>
  h("article", { class: "row", tabindex: "-1" }, h("div", { class: "bubble" }, h("div", { class: "content" }), h("div", { class: "meta" })));

/** Show `message` in its element, if that shows another one yet. `extra` makes nodes below the content, `tools` beside it. */
export function paint(row, message, { author = "", extra = () => null, tools = () => null } = {}) {
  const shown = JSON.stringify([author, message]);
  if (row.shown === shown) return;
  row.shown = shown;
  const [content, meta] = row.querySelector(".bubble").children;
  const { stage, ms, reason, twice, ...lasting } = message;
  const now = JSON.stringify(lasting);
  row.className = `row ${message.mine ? "mine" : "theirs"}`;
  row.classList.toggle("bare", message.files?.[0]?.kind === "sticker");
  row.classList.toggle("dead", stage === "dead");
  row.setAttribute("aria-label", `${author}: ${inWords(message)}`);
  if (row.dataset.now !== now) {
    row.dataset.now = now;
    const held = row.contains(document.activeElement);
    content.replaceChildren(...inside(message));
    row.querySelectorAll(".below, .tools").forEach((old) => old.remove());
    const bubbleElement = row.querySelector(".bubble");
    const [beneath, beside] = [extra(message), tools(message)];
    if (beneath) bubbleElement.after(h("div", { class: "below" }, beneath));
    if (beside) bubbleElement.append(h("div", { class: "tools", role: "group", "aria-label": "What to do with the message" }, beside));
    for (const control of row.querySelectorAll("a, button, video")) control.tabIndex = -1; // arrow keys lead to them: reading.js
    if (held && !row.contains(document.activeElement)) row.focus({ preventScroll: true });
  }
  meta.replaceChildren(...below(message));
}

const KINDS = { voice: "voice message", video_note: "video note", animation: "GIF", document: "file" };

/** What a message says, or else what kind it is of. */
export function inWords(message) {
  const kind = message.files?.[0]?.kind ?? (message.place ? "place" : message.contact ? `contact, ${message.contact.name}` : "message");
  return message.text || (KINDS[kind] ?? kind);
}

function inside(message) {
  const nodes = [];
  if (message.quote) {
    nodes.push(h("blockquote", { class: "quote" }, h("strong", { text: message.quote.name }), h("span", { text: message.quote.text })));
  }
  const pictures = (message.files ?? []).filter((file) => PICTURES.has(file.kind)).map(asSticker);
  if (pictures.length) {
    nodes.push(h("div", { class: `pictures n${Math.min(pictures.length, 4)}` }, pictures.map(picture)));
  }
  nodes.push(...(message.files ?? []).filter((file) => !PICTURES.has(file.kind)).map(attachment));
  if (message.place) nodes.push(place(message.place));
  if (message.contact) {
    nodes.push(h("div", { class: "person" }, icon("contact"), h("div", {}, h("strong", { text: message.contact.name }), h("span", { text: message.contact.phone }))));
  }
  if (message.text) nodes.push(h("p", { class: "text" }, styled(message.text, message.entities ?? [])));
  return nodes;
}

/** Kit knows no stickers: there they are photos of a format that no camera makes. */
const asSticker = (file) => (file.kind === "photo" && /\.webp$/i.test(file.name ?? "") ? { ...file, kind: "sticker" } : file);

function picture(file) {
  const link = h("a", { class: `picture ${file.kind}`, href: safe(file.url), target: "_blank", rel: "noopener noreferrer" });
  const image = h("img", { src: safe(file.url), alt: file.emoji ? `Sticker ${file.emoji}` : file.kind === "sticker" ? "Sticker" : "Photo", loading: "lazy" });
  image.addEventListener("error", () => link.classList.add("broken"));
  image.addEventListener("load", () => link.classList.remove("broken"));
  link.append(image);
  return link;
}

// What could not be had while the relay or Telegram was down can be had again.
document.addEventListener("files-back", () => {
  for (const image of document.querySelectorAll(".broken img")) image.src = image.getAttribute("src");
});

function attachment(file) {
  if (file.kind === "voice" || file.kind === "audio") return player(file);
  if (file.kind === "video" || file.kind === "video_note") {
    return h("video", { class: file.kind, src: safe(file.url), controls: true, preload: "metadata", "aria-label": file.name || "Video" });
  }
  return h("a", { class: "file", href: safe(file.url), target: "_blank", rel: "noopener noreferrer" }, icon("file"),
    h("span", {}, h("strong", { text: file.name || "file" }), file.size ? h("small", { text: bytes(file.size) }) : null));
}

function player(file) {
  let audio = null;
  const button = h("button", { type: "button", class: "round accent small", "aria-label": "Play" }, icon("play"));
  const show = (name, words) => {
    fill(button, icon(name));
    button.setAttribute("aria-label", words);
  };
  button.addEventListener("click", async () => {
    if (!audio) {
      audio = new Audio(safe(file.url));
      audio.addEventListener("pause", () => show("play", "Play"));
      audio.addEventListener("play", () => show("pause", "Pause"));
    }
    if (!audio.paused) audio.pause();
    else await audio.play().catch(() => button.setAttribute("aria-label", "Cannot be played here"));
  });
  const bars = Array.from({ length: BARS }, (_, n) => {
    const bar = h("i");
    bar.style.setProperty("--h", String(0.25 + 0.75 * Math.abs(Math.sin(n * 1.7) * Math.cos(n * 0.6))));
    return bar;
  });
  const words = file.kind === "voice" || !file.name ? "Voice message" : file.name;
  return h("div", { class: "player" }, button, h("div", {}, h("div", { class: "wave", "aria-hidden": "true" }, bars), h("small", { text: words })));
}

function place(at) {
  const where = `${at.latitude.toFixed(4)}, ${at.longitude.toFixed(4)}`;
  return h("div", { class: "place" }, h("div", { class: "map", "aria-hidden": "true" }, icon("place")),
    h("strong", { text: at.title || "Place" }), h("span", { text: at.address || where }));
}

/** Telegram's entities count UTF-16 units, as JavaScript does. */
function styled(text, entities) {
  const cuts = new Set([0, text.length]);
  for (const entity of entities) cuts.add(entity.offset).add(entity.offset + entity.length);
  const points = [...cuts].filter((at) => at >= 0 && at <= text.length).sort((a, b) => a - b);
  return points.slice(0, -1).map((start, number) => {
    let node = document.createTextNode(text.slice(start, points[number + 1]));
    for (const entity of entities) {
      if (entity.offset > start || entity.offset + entity.length <= start) continue;
      if (entity.type === "text_link") node = h("a", { href: safe(entity.url), target: "_blank", rel: "noopener noreferrer" }, node);
      else if (STYLES[entity.type]) node = h(STYLES[entity.type], {}, node);
    }
    return node;
  });
}

function below(message) {
  const nodes = [];
  const own = []; // what neither Telegram nor Kit shows
  if (message.reaction) nodes.push(h("span", { class: "reaction", text: message.reaction }));
  if (message.edited) nodes.push(h("span", { text: "edited" }));
  nodes.push(h("time", { text: clock(message.at) }));
  if (message.stage === "dead") own.push(h("span", { class: "why", text: message.reason || "not delivered" }));
  else if (message.reason && message.stage !== "there") own.push(h("span", { class: "why waits", text: message.reason }));
  if (message.twice) own.push(h("span", { class: "twice", text: "came twice, shown once" }));
  if (message.ms) own.push(h("span", { class: "ms", text: span(message.ms) }));
  if (message.mine && message.stage) own.push(ticks(message));
  if (own.length) nodes.push(h("span", { class: "own" }, own));
  return nodes;
}

const STAGES = {
  sent: ["clock", "waits for the relay"],
  relay: ["tick", "the relay has it on disk"],
  there: ["ticks", "arrived"],
  settled: ["ticks", "arrived"],
  dead: ["alert", "not delivered"],
};

function ticks(message) {
  const [name, words] = STAGES[message.stage];
  return h("span", { class: `ticks ${message.stage}`, role: "img", "aria-label": words, title: words }, icon(name));
}

/** Only addresses that a page may open. */
const safe = (url) => (/^(https?:\/\/|\/)/i.test(url ?? "") ? url : "#");
