// Facets: values of the columns with their counts, and the box for a condition.

import { el, field, loading, replace } from "./dom.js";
import { facetCounts } from "./query.js";
import { go, state } from "./state.js";
import { count, text } from "./strings.js";

const FEW = 6; // values shown before "all values"
const opened = new Set();
const expanded = new Set();
const wanted = new Map();

function choose(name, value, on) {
  const before = state().facets[name] ?? [];
  const values = on ? [...before, value] : before.filter((each) => each !== value);
  const facets = { ...state().facets, [name]: values };
  if (!values.length) delete facets[name];
  go({ facets, hit: "" });
}

function choice(name, { value, count: images }) {
  const key = value === null ? "" : String(value);
  const chosen = state().facets[name]?.includes(key) ?? false;
  return el(
    "label.facet-value",
    { data: { column: name, value: key } },
    el("input", { type: "checkbox", checked: chosen, on: { change: (event) => choose(name, key, event.target.checked) } }),
    el("span.facet-name", {}, key === "" ? text.facets.missing : key),
    el("span.count", {}, count(images)),
  );
}

function facet({ name, values }) {
  const chosen = state().facets[name]?.length ?? 0;
  const list = el("div.facet-values");
  const find = el("input", {
    type: "search", placeholder: text.facets.find, "aria-label": text.facets.findIn(name), value: wanted.get(name) ?? "",
    on: { input: () => fill(find.value) },
  });
  const more = el("button.link", { type: "button", on: { click: () => (expanded.add(name), fill(find.value)) } });

  function fill(words) {
    wanted.set(name, words);
    const fitting = values.filter(({ value }) => String(value ?? "").toLowerCase().includes(words.toLowerCase()));
    const isChosen = ({ value }) => state().facets[name]?.includes(value === null ? "" : String(value)) ?? false;
    const sorted = [...fitting.filter(isChosen), ...fitting.filter((each) => !isChosen(each))];
    const shown = expanded.has(name) ? sorted.slice(0, 300) : sorted.slice(0, Math.max(FEW, chosen));
    replace(list, shown.map((each) => choice(name, each)));
    more.hidden = expanded.has(name) || shown.length === sorted.length;
    more.textContent = text.facets.all(sorted.length);
  }
  fill(find.value);
  const details = el(
    "details.facet",
    { open: opened.has(name) || chosen > 0 },
    el("summary", {}, el("span", {}, name), chosen > 0 && el("span.badge.info", {}, String(chosen))),
    values.length > 2 * FEW && find,
    list,
    more,
  );
  details.addEventListener("toggle", () => opened[details.open ? "add" : "delete"](name));
  return details;
}

/** The box for a condition; Enter applies it. */
export function filterBox(hint = null) {
  const input = el("input.mono", {
    type: "text", name: "where", value: state().where, placeholder: text.facets.example, spellcheck: "false",
    autocomplete: "off", autocapitalize: "off",
  });
  const apply = (event) => {
    event.preventDefault();
    go({ where: input.value.trim(), hit: "" });
  };
  return el("form", { on: { submit: apply, focusout: apply } }, field(text.facets.condition, input, hint));
}

/** The panel of facets, which counts again when the filter changes. */
export class Facets {
  constructor(info) {
    this.info = info;
    this.list = el("div");
    this.title = el("h2", {}, text.facets.title);
    this.box = el("div");
    this.clear = el(
      "button.link",
      { type: "button", on: { click: () => go({ where: "", facets: {}, hit: "" }) } },
      text.facets.clear,
    );
    this.element = el("section.panel.facets", {}, el("div.row.between", {}, this.title, this.clear), this.box, this.list);
  }

  async update() {
    const { where, facets, index } = state();
    const key = JSON.stringify([index, where, facets]);
    if (key === this.key) return;
    this.key = key;
    this.clear.hidden = !where && !Object.keys(facets).length;
    replace(this.box, filterBox(text.facets.hint));
    this.abort?.abort();
    this.abort = new AbortController();
    const work = facetCounts(state(), this.info, this.abort.signal);
    const counted = await loading(this.list, text.loading, work, text.facets.failed);
    if (!counted || key !== this.key) return;
    const offered = counted.filter(({ name, values }) => values.length > 1 || facets[name]?.length);
    const focused = document.activeElement?.closest?.(".facet-value")?.dataset;
    replace(this.list, offered.length ? offered.map(facet) : el("p.hint", {}, text.facets.none));
    if (focused) this.refocus(focused);
  }

  /** The focus stays on the value that was chosen, although the list was made again. */
  refocus({ column, value }) {
    for (const label of this.list.querySelectorAll(".facet-value")) {
      if (label.dataset.column === column && label.dataset.value === value) label.querySelector("input").focus({ preventScroll: true });
    }
  }
}
