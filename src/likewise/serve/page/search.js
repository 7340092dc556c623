// The search view: query, filter and threshold on one side, the hits on the other.

import { address, call } from "./api.js";
import { addExample, Ask, askWithId } from "./ask.js";
import { Comparison } from "./compare.js";
import { button, el, loading, notice, replace, say, select } from "./dom.js";
import { exampleTile } from "./examples.js";
import { Facets } from "./facets.js";
import { Grid } from "./grid.js";
import { isSame, tile } from "./hits.js";
import { mark } from "./marks.js";
import { missing } from "./pictures.js";
import { condition, query, queryKey, send } from "./query.js";
import { go, hasQuery, state } from "./state.js";
import { count, distance, percent, text } from "./strings.js";
import { chosenLimit, thresholdControl } from "./threshold.js";
import { Why } from "./why.js";

const PAGE = 60; // hits of one request

export class SearchView {
  constructor(info) {
    this.info = info;
    this.ask = new Ask(info);
    this.why = new Why(this);
    this.summary = el("div.summary", { "aria-live": "polite" });
    this.tools = el("div.row.tools");
    this.results = el("div.results");
    this.side = el("div.side-more");
    this.threshold = el("div");
    this.mixture = el("p.badge.warning.wide", { hidden: true }, text.threshold.mixture);
    this.filters = el("details.filters", { open: matchMedia("(min-width: 47rem)").matches }, el("summary", {}, text.facets.panel), this.side);
    this.element = el(
      "div.search",
      {},
      el("aside.side", { "aria-label": text.search.side }, this.ask.element, this.filters),
      el("section.main", { "aria-label": text.search.results }, el("div.head", {}, this.summary, this.tools), this.results),
    );
    this.hits = [];
  }

  get index() {
    return this.info.indexes.find((each) => each.name === state().index);
  }

  /** Draws the state. Nothing is awaited before the search starts, so that an older state cannot overtake a newer one. */
  async update() {
    const current = state();
    this.ask.update();
    if (this.shownIndex !== current.index) this.openIndex();
    this.facets.update();
    this.drawTools();
    const key = queryKey(current);
    if (key !== this.key) {
      this.key = key;
      await this.search();
    } else if (current.threshold !== this.shownThreshold) {
      this.drawThreshold();
    }
    this.why.update(this.hits);
  }

  /** Facets and calibration belong to one index. */
  async openIndex() {
    const { index } = state();
    this.shownIndex = index;
    this.facets = new Facets(this.index);
    replace(this.side, this.mixture, this.threshold, this.facets.element);
    replace(this.threshold);
    this.calibration = await call(address("/v1/calibration", { index })).catch(() => null);
    if (index !== state().index) return;
    const value = state().threshold === "" ? null : Number(state().threshold);
    const change = (chosen) => go({ threshold: chosen === null ? "" : String(chosen) }, { replaced: true });
    replace(this.threshold, thresholdControl(this.calibration, value, change));
  }

  get limit() {
    return chosenLimit(this.answer);
  }

  drawTools() {
    const current = state();
    const texts = this.index.columns.filter((each) => each.kind === "text").map((each) => each.name);
    const groups = [["", text.search.ungrouped], ...new Set(["label", ...texts])].map((each) =>
      Array.isArray(each) ? each : [each, text.search.groupBy(each)],
    );
    const others = this.info.indexes.filter((each) => each.name !== current.index).map((each) => [each.name, each.name]);
    this.tools.hidden = !hasQuery(current);
    replace(
      this.tools,
      select(text.search.group, groups, current.group, (group) => go({ group, hit: "" })),
      others.length > 0 &&
        select(text.search.compare, [["", text.search.alone], ...others], current.other, (other) => go({ other, hit: "" })),
    );
  }

  actions() {
    return {
      open: (hit) => go({ hit: hit.id }),
      next: (hit) => askWithId(hit.id),
      more: (hit) => addExample(hit.id, "like"),
      less: (hit) => addExample(hit.id, "unlike"),
      mark: this.info.role === "read" ? null : (hit, kind) => this.mark(hit, kind),
    };
  }

  async mark(hit, kind) {
    try {
      await mark(hit, kind, this.answer.query);
    } catch (problem) {
      say(problem.message, "bad");
    }
    this.grid?.refresh();
    this.why.refresh();
  }

  async search() {
    this.abort?.abort();
    this.abort = new AbortController();
    this.grid?.stop();
    this.grid = null;
    this.comparison = null;
    this.answer = null;
    this.hits = [];
    replace(this.summary);
    const current = state();
    if (missing(current.pictures).length) return replace(this.results, notice(text.search.lostTitle, text.ask.lost));
    if (!hasQuery(current)) return this.browse();
    scrollTo(0, 0);
    if (current.other) return this.compare(current);
    this.request = query(current, this.index);
    this.extra = { k: Math.min(PAGE, this.info.limits.k), ...(current.group && { group_by: current.group }) };
    const work = send("/v1/search", this.request, this.extra, this.abort.signal);
    const answer = await loading(this.results, text.search.searching, work, text.search.failed);
    if (!answer || queryKey(state()) !== this.key) return null;
    this.answer = answer;
    this.hits = answer.hits;
    this.drawHits();
    return this.drawThreshold();
  }

  compare(current) {
    this.comparison = new Comparison(this.info, this.actions());
    return this.comparison.show(this.results, this.summary, current, this.abort.signal);
  }

  /** Without a query: the first images of the index, each one a possible query. */
  async browse() {
    const { index } = state();
    const where = condition(state(), this.index.columns);
    const work = call(address("/v1/images", { index, where, limit: 24, spread: true }), { signal: this.abort.signal });
    const answer = await loading(this.results, text.loading, work, text.search.failed);
    if (!answer) return;
    const list = el("ul.examples", { "aria-label": text.search.examples });
    replace(list, answer.images.map((image) => exampleTile(image, index)));
    const inviting = el("div.invite", {}, el("h1", {}, text.search.invite), el("p", {}, text.search.inviteMore(this.index)));
    replace(this.results, inviting, el("h2", {}, text.search.examples), list);
  }

  drawHits() {
    const list = el("ul", { "aria-label": text.search.results });
    this.grid = new Grid(list, { item: (hit) => tile(hit, this.limit, this.actions()), end: () => this.more() });
    this.foot = el("p.foot");
    this.nothing = el("div");
    replace(this.results, this.nothing, list, this.foot);
    this.cursor = this.answer.next_cursor;
    this.grid.set(this.hits, { total: this.cursor ? null : this.hits.length });
    if (!this.hits.length) replace(this.foot, text.search.noHits);
  }

  async more() {
    if (!this.cursor || this.fetching) return;
    this.fetching = true;
    const { key } = this;
    replace(this.foot, el("span.spinner"), text.loading);
    try {
      const answer = await send("/v1/search", this.request, { ...this.extra, cursor: this.cursor }, this.abort.signal);
      if (key !== this.key) return;
      this.cursor = answer.next_cursor;
      replace(this.foot, this.cursor ? "" : text.search.end);
      this.grid.append(answer.hits, { total: this.cursor ? null : this.hits.length + answer.hits.length });
      this.drawSummary();
    } catch (problem) {
      if (problem.name === "AbortError" || key !== this.key) return;
      replace(this.foot, problem.message, button(text.again, () => this.more(), { kind: "small" }));
    } finally {
      this.fetching = false;
    }
    this.grid?.schedule();
  }

  drawThreshold() {
    this.shownThreshold = state().threshold;
    this.grid?.refresh();
    this.comparison?.draw();
    this.mixture.hidden = !this.answer || this.answer.threshold !== null || (this.index.threshold ?? null) === null;
    this.drawSummary();
  }

  drawSummary() {
    if (!this.answer) return;
    const { limit } = this;
    // The queried image itself, which is its own nearest hit, says nothing about the index.
    const others = this.hits.filter((hit) => !state().ids.includes(hit.id));
    const same = others.filter((hit) => isSame(hit, limit)).length;
    const nothing = limit !== null && others.length > 0 && same === 0;
    if (this.nothing) {
      const closest = nothing ? text.search.closest(distance(others[0].distance), distance(limit)) : "";
      replace(this.nothing, nothing && notice(text.search.nothing, closest, "warning"));
    }
    replace(
      this.summary,
      el("h1", {}, limit === null ? text.search.found(count(this.hits.length), this.cursor) : text.search.same(same, this.cursor && same === others.length)),
      el("p.hint", {}, text.search.took(this.answer, limit, percent)),
    );
  }
}
