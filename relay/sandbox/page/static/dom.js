// Elements, made without ever reading a string as markup: what people write is hostile.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** An element. `props`: class, text, on, data, and attributes; false, null and undefined leave an attribute out. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "class") element.className = value;
    else if (name === "text") children.push(String(value));
    else if (name === "on") for (const [event, heard] of Object.entries(value)) element.addEventListener(event, heard);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  return fill(element, ...children);
}

/** Put these, and nothing else, into an element; what is null or false is left out. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An icon of the sprite; decoration only. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Set a text only when it differs, so that nothing is announced or laid out anew. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Make the children of `list` be one element per item, in order, and touch only those that changed. */
export function patch(list, items, keyOf, make, update) {
  const known = list.known ?? (list.known = new Map());
  const wanted = new Map(items.map((item) => [keyOf(item), item]));
  for (const [key, element] of known) {
    if (!wanted.has(key)) {
      element.remove();
      known.delete(key);
    }
  }
  let before = null;
  const fresh = [];
  for (const [key, item] of wanted) {
    let element = known.get(key);
    if (!element) {
      element = make(item);
      known.set(key, element);
      fresh.push(element);
    }
    update(element, item);
    const place = before ? before.nextSibling : list.firstChild;
    if (place !== element) list.insertBefore(element, place);
    before = element;
  }
  return fresh;
}

/** A button that opens a panel; Escape, a choice, and a click elsewhere close it. */
export function menu(button, panel) {
  const show = (open) => {
    if (panel.hidden === !open) return;
    panel.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    if (open) panel.querySelector("button")?.focus();
  };
  button.addEventListener("click", () => show(panel.hidden));
  panel.addEventListener("click", (event) => {
    if (event.target.closest("button")) {
      show(false);
      button.focus();
    }
  });
  document.addEventListener("click", (event) => {
    if (!panel.contains(event.target) && !button.contains(event.target)) show(false);
  });
  for (const element of [button, panel]) {
    element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !panel.hidden) {
        show(false);
        button.focus();
      }
    });
  }
}

let hiding = 0;

/** Say at the lower edge that something went wrong. */
export function toast(words) {
  const element = byId("toast");
  element.textContent = words;
  element.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => (element.hidden = true), 6000);
}

/** Tell those who listen to the page instead of looking at it. */
export function announce(words) {
  byId("announcer").textContent = words;
}

export const clock = (unix) => new Date(unix * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export const span = (ms) => (ms < 1000 ? `${Math.max(1, Math.round(ms))} ms` : `${(ms / 1000).toFixed(ms < 10000 ? 1 : 0)} s`);

export const bytes = (size) =>
  size >= 1 << 20 ? `${(size / (1 << 20)).toFixed(1)} MB` : `${Math.max(1, Math.round(size / 1024))} kB`;

const TINTS = 5;

/** A picture, or the initials in one of a few colours. */
export function avatar(name, url) {
  const letters = name.split(/\s+/).filter(Boolean).slice(0, 2).map((word) => [...word][0]).join("").toUpperCase();
  const tint = [...name].reduce((sum, letter) => sum + letter.codePointAt(0), 0) % TINTS;
  const face = h("span", { class: "avatar", data: { tint } }, h("span", { text: letters || "?", "aria-hidden": "true" }));
  if (url && /^(https?:\/\/|\/)/.test(url)) {
    const image = h("img", { src: url, alt: "" });
    image.addEventListener("error", () => image.remove());
    face.append(image);
  }
  return face;
}
