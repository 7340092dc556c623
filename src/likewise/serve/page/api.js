// Requests to /v1. A refusal becomes a Problem whose message is the sentence of the server.

import { text } from "./strings.js";

export class Problem extends Error {
  constructor(status, sentence, retryAfter = null) {
    super(sentence);
    this.name = "Problem";
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

let askForKey = null;

/** Sets the function that asks for a key; it resolves once the session is valid. */
export function onLogin(ask) {
  askForKey = ask;
}

async function problemOf(response) {
  const sentence = await response
    .json()
    .then((body) => (typeof body.detail === "string" ? body.detail : body.title))
    .catch(() => null);
  const retry = Number(response.headers.get("Retry-After")) || null;
  return new Problem(response.status, sentence || text.problem.status(response.status), retry);
}

/**
 * Sends a request and reads the JSON of its answer.
 * @param {string} address Path, for instance "/v1/info".
 * @param {{method?: string, json?: object, form?: FormData, signal?: AbortSignal}} options
 */
export async function call(address, options = {}) {
  const { json, form, signal } = options;
  const method = options.method ?? (json || form ? "POST" : "GET");
  const headers = { Accept: "application/json", "X-Likewise": "1" };
  if (json) headers["Content-Type"] = "application/json";
  let response;
  try {
    const body = form ?? (json && JSON.stringify(json));
    response = await fetch(address, { method, headers, body, signal, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, text.problem.offline);
  }
  if (response.status === 401 && askForKey && address !== "/login") {
    await askForKey();
    return call(address, options);
  }
  if (!response.ok) throw await problemOf(response);
  return response.status === 204 ? null : response.json();
}

/** An address with its parameters; empty ones are left out, and lists are repeated. */
export function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    if (value === null || value === undefined || value === "") continue;
    for (const each of [value].flat()) query.append(key, String(each));
  }
  const words = query.toString();
  return words ? `${path}?${words}` : path;
}

/** The address of the thumbnail of an image. */
export function thumbnail(id, index, size = 256) {
  const path = id.split("/").map(encodeURIComponent).join("/");
  return address(`/v1/images/${path}/file`, { index, size });
}
