// Elements, made without ever reading a string as markup, and figures as people read them.

/** An element. `props`: class, text, and attributes; false, null and undefined leave an attribute out. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "class") element.className = value;
    else if (name === "text") children.push(String(value));
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  return fill(element, ...children);
}

/** Put these, and nothing else, into an element; what is null or false is left out. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Draw into an element anew, but only when what it shows is another: what somebody reads or selects stays. */
export function draw(element, shown, make) {
  const known = JSON.stringify(shown);
  if (element.known === known) return;
  element.known = known;
  fill(element, make(shown));
}

/** Set a text only when it differs, so that nothing is announced or laid out anew. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Seconds, as `relay status` says them. */
export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

export const number = (value) => value.toLocaleString("en");

export const many = (count, one, more) => `${number(count)} ${count === 1 ? one : more}`;

const SVG = "http://www.w3.org/2000/svg";

/** What a figure was over the last minutes, as a line; decoration only. */
export function line(values) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 100 24");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "line");
  svg.setAttribute("aria-hidden", "true");
  const most = Math.max(1, ...values);
  const step = 100 / Math.max(1, values.length - 1);
  const points = values.map((value, at) => `${(at * step).toFixed(1)},${(23 - (value / most) * 21).toFixed(1)}`);
  const drawn = document.createElementNS(SVG, "polyline");
  drawn.setAttribute("points", points.join(" "));
  svg.append(drawn);
  return svg;
}
