// The selected images of the map: a list, a CSV file, a filter, and the near-duplicates among them.

import { call, thumbnail } from "./api.js";
import { askWithId } from "./ask.js";
import { button, el, loading, replace, say } from "./dom.js";
import { Grid } from "./grid.js";
import { picture } from "./hits.js";
import { idCondition } from "./query.js";
import { go, state } from "./state.js";
import { count, distance, shortName, text } from "./strings.js";

const LONGEST_CONDITION = 3800; // characters; the server takes 4,000
const MOST_COMPARED = 5000;
const MOST_SHOWN = 50; // pairs
const BATCH = 32; // queries of one request

function download(name, content) {
  const address = URL.createObjectURL(new Blob([content], { type: "text/csv" }));
  const link = el("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

/** A CSV file of ids. */
export function csv(ids) {
  const cell = (value) => (/[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  return `id\n${ids.map(cell).join("\n")}\n`;
}

export class Selection {
  constructor(info) {
    this.info = info;
    this.ids = [];
    this.title = el("h2", { "aria-live": "polite" });
    this.tools = el("div.row");
    this.pairs = el("div.pairs");
    this.frame = el("div.selection-frame");
    this.element = el("section.panel.selection", { "aria-label": text.map.selection }, this.title, this.tools, this.pairs, this.frame);
    this.set([]);
  }

  set(ids) {
    this.ids = ids;
    this.grid?.stop();
    this.grid = null;
    replace(this.pairs);
    replace(this.title, ids.length ? text.map.selected(count(ids.length)) : text.map.selection);
    if (!ids.length) {
      replace(this.tools);
      replace(this.frame, el("p.hint", {}, text.map.selectHint));
      return;
    }
    replace(
      this.tools,
      button(text.map.download, () => download(`${state().index}-selection.csv`, csv(this.ids)), { symbol: "download", kind: "small" }),
      button(text.map.asFilter, () => this.filter(), { symbol: "filter", kind: "small" }),
      button(text.map.duplicates, () => this.findDuplicates(), { symbol: "copy", kind: "small" }),
    );
    const list = el("ul", { "aria-label": text.map.selected(count(ids.length)) });
    replace(this.frame, list);
    const tile = (id) =>
      el("li.tile", {}, el("button.tile-open", { type: "button", "aria-label": text.search.askWith(id), title: id, on: { click: () => askWithId(id) } }, picture(id, state().index)), el("div.tile-text", {}, el("span.tile-label", {}, shortName(id))));
    this.grid = new Grid(list, { item: tile, width: 5.5, caption: 1.7, scroller: this.frame });
    this.grid.set(ids, { total: ids.length });
  }

  filter() {
    const where = idCondition(this.ids);
    if (where.length > LONGEST_CONDITION) return say(text.map.tooMany, "bad");
    return go({ view: "search", where, facets: {}, hit: "" });
  }

  /** Searches with each selected image, and lists the pairs whose distance is at most the threshold, closest first. */
  async findDuplicates() {
    if (this.ids.length > MOST_COMPARED) return say(text.map.tooManyPairs(MOST_COMPARED), "bad");
    const { index } = state();
    const { ids } = this;
    const limit = this.info.indexes.find((each) => each.name === index)?.threshold ?? null;
    const progress = el("span", {}, text.map.comparing);
    const pairs = await loading(this.pairs, progress, this.compared(ids, index, progress), text.map.pairsFailed);
    if (!pairs || ids !== this.ids) return null;
    const within = pairs.filter((pair) => limit === null || pair.distance <= limit);
    const close = within.slice(0, MOST_SHOWN);
    return replace(
      this.pairs,
      el("h3", {}, close.length ? text.map.pairs(close.length, close.length < within.length, limit === null ? null : distance(limit)) : text.map.noPairs(distance(limit ?? 0))),
      el("ul.pair-list", {}, close.map((pair) => this.pair(pair, index))),
    );
  }

  /** The pairs among images, closest first; ends early where the selection has changed. */
  async compared(ids, index, progress) {
    const chosen = new Set(ids);
    const found = new Map();
    for (let first = 0; first < ids.length && ids === this.ids; first += BATCH) {
      if (first) progress.textContent = text.map.compared(count(first), count(ids.length));
      const part = ids.slice(first, first + BATCH);
      const { results } = await call("/v1/search/batch", { json: { queries: part.map((id) => ({ index, id, k: 4 })) } });
      results.forEach((result, position) => {
        for (const hit of result.hits ?? []) {
          const [one, other] = [part[position], hit.id].sort();
          if (one !== other && chosen.has(hit.id)) found.set(`${one}\n${other}`, { one, other, distance: hit.distance });
        }
      });
    }
    return [...found.values()].sort((one, other) => one.distance - other.distance);
  }

  pair({ one, other, distance: away }, index) {
    const marking = async (event) => {
      const chosen = event.currentTarget;
      try {
        await call("/v1/feedback", { json: { index, query: { id: one }, hit: other, mark: "duplicate" } });
        chosen.disabled = true;
        say(text.mark.saved.duplicate);
      } catch (problem) {
        say(problem.message, "bad");
      }
    };
    return el(
      "li",
      {},
      el("img", { src: thumbnail(one, index, 128), alt: one, loading: "lazy" }),
      el("img", { src: thumbnail(other, index, 128), alt: other, loading: "lazy" }),
      el("span.number", {}, distance(away)),
      this.info.role !== "read" && button(text.mark.duplicate, marking, { kind: "small", symbol: "copy", label: text.map.markPair(one, other) }),
    );
  }
}
