// Elements are built from text nodes and attributes only: no value from the index is ever read as HTML.

import { icon } from "./icons.js";

/**
 * Creates an element.
 * @param {string} tag Tag, with classes after dots: "div.card.wide".
 * @param {object} attributes Attributes; `on` holds event listeners, `data` the data-* values.
 * @param {...(Node|string|null|false|Array)} children Strings become text nodes.
 */
export function el(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (key === "data") {
      Object.assign(element.dataset, value);
    } else if (key === "value" || key === "checked" || key === "disabled" || key === "hidden" || key === "selected") {
      element[key] = value;
    } else if (value === true) {
      element.setAttribute(key, "");
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(key, String(value));
    }
  }
  add(element, children);
  return element;
}

export function add(element, children) {
  for (const child of [children].flat(Infinity)) {
    if (typeof child === "string" && child.includes(" --")) element.append(...optionsWhole(child));
    else if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

/** The parts of a sentence; options of commands do not break at their hyphens. */
function optionsWhole(sentence) {
  return sentence.split(/(--[a-z][a-z-]*)/).map((part, place) => (place % 2 ? el("span.option", {}, part) : part));
}

export function replace(element, ...children) {
  element.replaceChildren();
  return add(element, children);
}

/** A button with text, an icon or both; a button without visible text needs a label. */
export function button(text, listener, { kind = "", symbol = null, label = null, ...attributes } = {}) {
  const described = label ? { "aria-label": label, title: label } : {};
  return el(
    `button.button${kind ? `.${kind}` : ""}`,
    { type: "button", on: listener ? { click: listener } : {}, ...described, ...attributes },
    symbol && icon(symbol),
    text && el("span", {}, text),
  );
}

export function field(label, control, hint = null) {
  return el("label.field", {}, el("span.field-name", {}, label), control, hint && el("span.hint", {}, hint));
}

export function select(label, options, value, onchange) {
  const choices = options.map(([key, text]) => el("option", { value: key, selected: key === value }, text));
  return field(label, el("select", { on: { change: (event) => onchange(event.target.value) } }, choices));
}

/** A group of radio buttons that looks like one segmented control. */
export function segments(label, name, options, value, onchange) {
  const choices = options.map(([key, text, disabled = false]) =>
    el(
      "label",
      {},
      el("input", {
        type: "radio", name, value: key, checked: key === value, disabled, on: { change: () => onchange(key) },
      }),
      el("span", {}, text),
    ),
  );
  return el("fieldset.segments", {}, el("legend", {}, label), el("div.segment-row", {}, choices));
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  add(element, children);
  return element;
}

/** Says a sentence to everyone: shown for some seconds, and read by screen readers. */
export function say(sentence, kind = "info") {
  const status = document.getElementById("status");
  const toast = el(`p.toast.${kind}`, {}, sentence);
  replace(status, toast);
  clearTimeout(say.timer);
  say.timer = setTimeout(() => toast.remove(), kind === "bad" ? 12000 : 5000);
}

/** A message in place of content: why nothing is shown, and what to do. */
export function notice(title, sentence = "", kind = "info", ...actions) {
  return el(
    `div.notice.${kind}`,
    { role: kind === "bad" ? "alert" : null },
    el("h2", {}, title),
    sentence && el("p", {}, sentence),
    actions.length > 0 && el("div.row", {}, actions),
  );
}

const works = new WeakMap();

/**
 * Shows in an element that a promise is not done, or that it failed; gives its answer, or null where there is none.
 * A later call for the same element takes its place: the answer of the earlier one is null, too.
 */
export async function loading(element, words, work, failed) {
  const latest = () => works.get(element) === work;
  works.set(element, work);
  element.setAttribute("aria-busy", "true");
  setTimeout(() => {
    if (latest()) replace(element, el("p.loading", {}, el("span.spinner"), words));
  }, 150);
  try {
    const answer = await work;
    return latest() ? answer : null;
  } catch (problem) {
    if (latest() && problem.name !== "AbortError") replace(element, notice(failed, problem.message, "bad"));
    return null;
  } finally {
    if (latest()) {
      works.delete(element);
      element.removeAttribute("aria-busy");
    }
  }
}
