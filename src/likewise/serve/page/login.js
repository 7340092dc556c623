// The login dialog, shown when the server asks for a key. The key goes into an HTTP-only cookie, never into the page.

import { call } from "./api.js";
import { el, field } from "./dom.js";
import { text } from "./strings.js";

let waiting = null;

/** Shows the dialog and resolves once the server accepted a key. */
export function askForKey() {
  waiting ??= new Promise((resolve) => show(resolve)).finally(() => (waiting = null));
  return waiting;
}

function show(done) {
  const key = el("input", { type: "password", name: "key", autocomplete: "current-password", required: true, spellcheck: "false" });
  const failed = el("p.hint.bad", { role: "alert" });
  const send = el("button.button.primary", { type: "submit" }, text.login.send);
  const login = async (event) => {
    event.preventDefault();
    send.disabled = true;
    try {
      await call("/login", { json: { key: key.value } });
      dialog.remove();
      done();
    } catch (problem) {
      failed.textContent = problem.message;
      send.disabled = false;
      key.select();
    }
  };
  const dialog = el(
    "dialog.login",
    { "aria-labelledby": "login-title", on: { cancel: (event) => event.preventDefault() } },
    el("form.stack", { on: { submit: login } }, el("h2", { id: "login-title" }, text.login.title), el("p", {}, text.login.lead), field(text.login.key, key), failed, send),
  );
  document.body.append(dialog);
  dialog.showModal();
  key.focus();
}

export async function logout() {
  await call("/logout", { method: "POST" });
  location.assign("/");
}
