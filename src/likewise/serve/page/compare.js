// Two indexes side by side over one query: what only one of them finds, and what moved.

import { el, loading, replace } from "./dom.js";
import { isSame, tile } from "./hits.js";
import { query, send } from "./query.js";
import { state } from "./state.js";
import { chosenLimit } from "./threshold.js";
import { text } from "./strings.js";

const SHOWN = 24; // hits of each index

/** How a hit stands in the other list: absent, at the same rank, or moved. */
function difference(hit, ranks) {
  const rank = ranks.get(hit.id);
  if (rank === undefined) return el("span.badge.warning", {}, text.compare.onlyHere);
  if (rank === hit.rank) return null;
  return el("span.badge.plain", {}, text.compare.there(rank));
}

function ranksOf(answer) {
  return new Map(answer.hits.map((hit) => [hit.id, hit.rank]));
}

export class Comparison {
  constructor(info, actions) {
    this.info = info;
    this.actions = actions;
  }

  /** Searches both indexes, and draws. */
  async show(results, summary, current, signal) {
    const names = [current.index, current.other];
    const indexes = names.map((name) => this.info.indexes.find((each) => each.name === name));
    const extra = { k: Math.min(SHOWN, this.info.limits.k), ...(current.group && { group_by: current.group }) };
    const work = Promise.all(indexes.map((index) => send("/v1/search", query(current, index, index.name), extra, signal)));
    const answers = await loading(results, text.search.searching, work, text.search.failed);
    if (!answers) return;
    Object.assign(this, { results, summary, indexes, answers });
    this.draw();
  }

  /** Draws the answers, again where the threshold has moved. */
  draw() {
    const { results, summary, indexes, answers } = this;
    if (!answers) return;
    const ranks = answers.map(ranksOf);
    const columns = answers.map((answer, position) => this.column(answer, ranks[1 - position], indexes[position]));
    const both = answers[0].hits.filter((hit) => ranks[1].has(hit.id)).length;
    replace(
      summary,
      el("h1", {}, text.compare.title(both, answers[0].hits.length)),
      el("p.hint", {}, text.compare.hint),
    );
    replace(results, el("div.compare", {}, columns));
  }

  column(answer, others, index) {
    const limit = index.name === state().index ? chosenLimit(answer) : (answer.threshold?.distance ?? null);
    // The explanation belongs to the selected index; in this view a click makes the hit the next query.
    const actions = { ...this.actions, open: this.actions.next, mark: null };
    const list = el("ul.plain-grid", { "aria-label": text.compare.list(index.name) });
    const tiles = answer.hits.map((hit) => tile({ ...hit, marks: hit.marks }, limit, actions, difference(hit, others)));
    return el(
      "section.compare-column",
      {},
      el("h2", {}, index.name),
      el("p.hint", {}, text.compare.model(index)),
      limit !== null && !answer.hits.some((hit) => isSame(hit, limit)) && el("p.badge.warning", {}, text.search.nothing),
      replaceList(list, tiles),
    );
  }
}

function replaceList(list, tiles) {
  replace(list, tiles);
  return list;
}
