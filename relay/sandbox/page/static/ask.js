// What the visitor does, sent to the server.

import { toast } from "./dom.js";

async function post(path, body, headers = {}) {
  try {
    const answer = await fetch(path, { method: "POST", body, headers });
    if (answer.ok) return true;
    toast((await answer.text()).trim().slice(0, 200) || `The server answered ${answer.status}`);
  } catch {
    toast("The demo does not answer. Is it still running?");
  }
  return false;
}

export const ask = (path, document = {}) => post(path, JSON.stringify(document), { "Content-Type": "application/json" });

export function askWithFiles(path, fields, files) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  for (const file of files) form.append("file", file, file.name);
  return post(path, form);
}
