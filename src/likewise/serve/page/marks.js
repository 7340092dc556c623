// Marks: hits that people called wrong or duplicates. They are kept beside the index and shown at the next search.

import { address, call, thumbnail } from "./api.js";
import { button, el, loading, notice, replace, say } from "./dom.js";
import { icon } from "./icons.js";
import { askWithId } from "./ask.js";
import { state } from "./state.js";
import { time, text } from "./strings.js";

/** Sends a mark; the same mark again takes it back. Changes the marks of the hit. */
export async function mark(hit, kind, asked) {
  const last = hit.marks?.at(-1)?.mark;
  const chosen = last === kind ? "clear" : kind;
  const query = asked.id ? { id: asked.id } : { digest: asked.digest };
  const answer = await call("/v1/feedback", { json: { index: state().index, query, hit: hit.id, mark: chosen } });
  const entry = { who: text.mark.you, when: new Date().toISOString(), ...answer, mark: chosen };
  hit.marks = chosen === "clear" ? [] : [...(hit.marks ?? []), entry];
  say(chosen === "clear" ? text.mark.cleared : text.mark.saved[kind]);
}

function row(entry, index, again) {
  const query = entry.query.id
    ? el("button.tile-open", { type: "button", "aria-label": text.search.askWith(entry.query.id), on: { click: () => askWithId(entry.query.id) } }, el("img", { src: thumbnail(entry.query.id, index, 128), alt: "", loading: "lazy" }))
    : el("span.hint", {}, text.mark.uploaded);
  const clear = async () => {
    try {
      await call("/v1/feedback", { json: { index, query: entry.query, hit: entry.hit, mark: "clear" } });
      say(text.mark.cleared);
      again();
    } catch (problem) {
      say(problem.message, "bad");
    }
  };
  return el(
    "tr",
    {},
    el("td", {}, query),
    el("td", {}, el("img", { src: thumbnail(entry.hit, index, 128), alt: "", loading: "lazy" })),
    el("td.break", {}, el("span", {}, entry.hit), entry.note && el("p.hint", {}, entry.note)),
    el("td", {}, el(`span.badge.${entry.mark === "wrong" ? "bad" : "info"}`, {}, text.mark[entry.mark] ?? entry.mark)),
    el("td", {}, entry.who ?? "", el("p.hint", {}, time(entry.when))),
    el("td", {}, button("", clear, { kind: "tool", symbol: "close", label: text.mark.clear(entry.hit) })),
  );
}

export class MarksView {
  constructor(info) {
    this.info = info;
    this.body = el("div");
    this.export = el("a.button", { download: "" }, icon("download"), text.mark.export);
    this.element = el("div.page", {}, el("div.row.between", {}, el("h1", {}, text.mark.title), this.export), el("p.lead", {}, text.mark.lead), this.body);
  }

  async update() {
    const { index } = state();
    this.export.href = address("/v1/feedback/export", { index });
    const answer = await loading(this.body, text.loading, call(address("/v1/feedback", { index })), text.mark.failed);
    if (!answer) return;
    const marks = answer.feedback.filter((entry) => entry.mark !== "clear");
    this.export.hidden = !marks.length;
    if (!marks.length) return replace(this.body, notice(text.mark.none, text.mark.noneMore));
    const heads = text.mark.columns.map((name) => el("th", { scope: "col" }, name));
    const rows = marks.map((entry) => row(entry, index, () => this.update()));
    replace(
      this.body,
      el("div.table-frame", { tabindex: "0", role: "region", "aria-label": text.mark.title }, el("table.marks-table", {}, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, rows))),
    );
  }
}
