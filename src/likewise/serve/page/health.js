// Health of the index: size, model, fingerprint, last change, and the recall of the approximate search on a sample.

import { address, call } from "./api.js";
import { button, el, loading, notice, replace } from "./dom.js";
import { state } from "./state.js";
import { count, distance, percent, text, time } from "./strings.js";

const fact = (name, value) => el("div.fact", {}, el("dt", {}, name), el("dd", {}, value));

export class HealthView {
  constructor(info) {
    this.info = info;
    this.facts = el("dl.fact-grid");
    this.problem = el("div");
    this.columns = el("div");
    this.recall = el("div", { "aria-live": "polite" });
    this.measure = button(text.health.measure, () => this.run(), { symbol: "pulse" });
    this.element = el(
      "div.page",
      {},
      el("h1", {}, text.health.title),
      this.problem,
      this.facts,
      el("section.panel", {}, el("h2", {}, text.health.recall), el("p.hint", {}, text.health.recallMore), this.recall, this.measure),
      el("section.panel", {}, el("h2", {}, text.health.columns), this.columns),
    );
  }

  async update() {
    const fresh = await call("/v1/info").catch(() => this.info);
    const index = fresh.indexes.find((each) => each.name === state().index);
    if (!index) return;
    replace(
      this.facts,
      fact(text.health.images, count(index.images)),
      fact(text.health.masks, count(index.masks)),
      fact(text.health.model, index.model?.name ?? text.unknown),
      fact(text.health.fingerprint, el("code", {}, index.model?.fingerprint ?? text.unknown)),
      index.runtime && fact(text.health.runtime, index.runtime),
      fact(text.health.text, index.text ? text.health.hasText : text.health.noText),
      fact(text.health.dimension, count(index.dimension)),
      fact(text.health.metric, index.metric),
      fact(text.health.threshold, index.threshold === null ? text.health.noThreshold : distance(index.threshold)),
      fact(text.health.changed, index.changed ? time(index.changed) : text.unknown),
      fact(text.health.version, fresh.version),
    );
    const heads = text.health.columnHeads.map((name) => el("th", { scope: "col" }, name));
    const rows = index.columns.map((each) =>
      el("tr", {}, el("td", {}, each.name), el("td", {}, text.kinds[each.kind] ?? each.kind), el("td.number", {}, each.values === null || each.values === undefined ? "" : count(each.values))),
    );
    replace(this.columns, el("div.table-frame", { tabindex: "0", role: "region", "aria-label": text.health.columns }, el("table", {}, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, rows))));
    replace(this.problem, index.problem && notice(text.health.problem, index.problem, "warning"));
    if (this.shown !== index.name) this.drawRecall(index.recall);
    this.shown = index.name;
  }

  drawRecall(recall) {
    const value = recall?.measured ?? recall?.recall;
    const known = value !== null && value !== undefined;
    replace(this.recall, el("p", {}, known ? text.health.measured(percent(value), recall) : text.health.exact));
    this.measure.hidden = !known;
  }

  async run() {
    this.measure.disabled = true;
    const work = call(address("/v1/recall", { index: state().index }), { method: "POST" });
    const answer = await loading(this.recall, text.health.measuring, work, text.health.failed);
    this.measure.disabled = false;
    if (answer) this.drawRecall(answer);
  }
}
