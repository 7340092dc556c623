// Why two pictures count as similar: both pictures with their evidence, numbered matching places, the sentence, the check.

import { addExample, askWithId } from "./ask.js";
import { thumbnail } from "./api.js";
import { button, el, loading, replace } from "./dom.js";
import { icon } from "./icons.js";
import { isSame, markBadge, markOf, verdict } from "./hits.js";
import { query, queryKey, send } from "./query.js";
import { go, state } from "./state.js";
import { distance, number, percent, text } from "./strings.js";

/** One of the two pictures, with the overlay and the numbered places. */
function side(title, address, overlay, places, hover) {
  const marks = places.map(({ rank, box: [x, y, w, h] }) => {
    const place = el("span.place", { data: { rank: String(rank) }, on: { pointerenter: () => hover(rank), pointerleave: () => hover(0) } }, el("b", {}, String(rank)));
    Object.assign(place.style, { left: `${x * 100}%`, top: `${y * 100}%`, width: `${w * 100}%`, height: `${h * 100}%` });
    return place;
  });
  return el(
    "figure.evidence",
    {},
    el(
      "div.evidence-frame",
      {},
      el("img.evidence-picture", { src: address, alt: title }),
      overlay && el("img.overlay", { src: overlay, alt: "" }),
      el("div.places", {}, marks),
    ),
    el("figcaption", {}, title),
  );
}

function check(answer) {
  if (answer.holds === null || answer.holds === undefined) return el("p.hint", {}, answer.check || text.why.unchecked);
  const kind = answer.holds ? "good" : "bad";
  return el(
    `p.check-result.${kind}`,
    {},
    icon(answer.holds ? "check" : "wrong"),
    el("strong", {}, answer.holds ? text.why.holds : text.why.holdsNot),
    answer.check && el("span", {}, ` ${answer.check}`),
  );
}

export class Why {
  constructor(view) {
    this.view = view;
    this.body = el("div.why-body");
    this.head = el("div.why-head");
    this.actions = el("div.row.why-actions");
    this.dialog = el(
      "dialog.why",
      { "aria-labelledby": "why-title", on: { close: () => state().hit && go({ hit: "" }) } },
      this.head,
      this.body,
      this.actions,
    );
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.dialog.addEventListener("keydown", (event) => this.keys(event));
    document.body.append(this.dialog);
    this.answers = new Map();
  }

  keys(event) {
    if (event.target.matches("input[type=range]")) return;
    if (event.key === "ArrowRight") this.step(1);
    if (event.key === "ArrowLeft") this.step(-1);
  }

  step(offset) {
    const position = this.view.hits.findIndex((hit) => hit.id === state().hit);
    const next = this.view.hits[position + offset];
    if (next) go({ hit: next.id }, { replaced: true });
  }

  update(hits) {
    const { hit: id, view } = state();
    const hit = view === "search" && hits.find((each) => each.id === id);
    if (!hit) {
      const position = hits.indexOf(this.shown);
      this.shown = null;
      if (this.dialog.open) this.dialog.close();
      // A mark has made the tile again, so that the browser cannot give the focus back by itself.
      if (position >= 0 && view === "search") this.view.grid?.focus(position);
      return;
    }
    if (!this.dialog.open) this.dialog.showModal();
    if (this.shown === hit) return;
    this.shown = hit;
    this.refresh();
    this.explain(hit);
  }

  /** Draws what does not need the explanation: title, numbers, marks and actions. */
  refresh() {
    const hit = this.shown;
    if (!hit) return;
    const position = this.view.hits.indexOf(hit);
    const focused = [...this.dialog.querySelectorAll("button")].indexOf(document.activeElement);
    replace(
      this.head,
      el(
        "div.why-title",
        {},
        el("h2", { id: "why-title" }, hit.label || hit.id),
        el("span.number", {}, text.why.distance(distance(hit.distance))),
        verdict(isSame(hit, this.view.limit)),
        markBadge(hit),
      ),
      el(
        "div.row",
        {},
        button("", () => this.step(-1), { kind: "tool", symbol: "left", label: text.why.previous, disabled: position < 1 }),
        button("", () => this.step(1), { kind: "tool", symbol: "right", label: text.why.following, disabled: position === this.view.hits.length - 1 }),
        button("", () => this.dialog.close(), { kind: "tool", symbol: "close", label: text.close }),
      ),
    );
    const { mark } = this.view.actions();
    const marked = markOf(hit);
    const marking = (kind, symbol, words) =>
      mark && button(words, () => mark(hit, kind), { symbol, "aria-pressed": String(marked === kind) });
    replace(
      this.actions,
      button(text.hit.next, () => askWithId(hit.id), { symbol: "search", kind: "primary" }),
      button(text.hit.more, () => addExample(hit.id, "like"), { symbol: "plus" }),
      button(text.hit.less, () => addExample(hit.id, "unlike"), { symbol: "minus" }),
      marking("wrong", "wrong", text.mark.markWrong),
      marking("duplicate", "copy", text.mark.markDuplicate),
    );
    if (focused >= 0) this.dialog.querySelectorAll("button")[focused]?.focus();
  }

  async explain(hit) {
    const { features } = this.view.info;
    const key = `${queryKey(state())} ${hit.id}`;
    const plain = el("div.pair", {}, side(hit.label || hit.id, thumbnail(hit.id, state().index, 512), null, [], () => {}));
    if (!features.explain) return replace(this.body, plain, this.facts(hit), el("p.hint", {}, text.why.unavailable));
    if (!this.answers.has(key)) {
      const current = query({ ...state(), where: "", facets: {} }, this.view.index);
      const work = send("/v1/explain", current, { hit: hit.id });
      const answer = await loading(this.body, text.why.loading, work, text.why.failed);
      if (answer) this.answers.set(key, answer);
      else if (this.shown === hit) this.body.append(plain, this.facts(hit));
    }
    const answer = this.answers.get(key);
    if (answer && this.shown === hit) this.draw(hit, answer);
    return null;
  }

  draw(hit, answer) {
    const matches = answer.matches ?? [];
    const pair = el("div.pair");
    const list = el("ol.matches", { "aria-label": text.why.places });
    const hover = (rank) => {
      for (const each of this.body.querySelectorAll("[data-rank]")) {
        each.classList.toggle("lit", rank > 0 && each.dataset.rank === String(rank));
      }
      pair.classList.toggle("lighting", rank > 0);
    };
    const places = (name) => matches.map((match) => ({ rank: match.rank, box: match[name] }));
    const images = answer.images ?? {};
    replace(
      pair,
      images.query && side(text.why.query, images.query, answer.overlays?.query, places("query"), hover),
      side(text.why.hit, images.hit ?? thumbnail(hit.id, state().index, 512), answer.overlays?.hit, places("hit"), hover),
    );
    replace(
      list,
      matches.map((match) =>
        el(
          "li",
          { data: { rank: String(match.rank) } },
          el(
            "button.match",
            { type: "button", on: { pointerenter: () => hover(match.rank), pointerleave: () => hover(0), focus: () => hover(match.rank), blur: () => hover(0) } },
            el("b", {}, String(match.rank)),
            text.why.share(percent(match.share)),
          ),
        ),
      ),
    );
    replace(
      this.body,
      pair,
      this.switches(pair, answer, matches.length > 0),
      check(answer),
      el("p.sentence", {}, answer.sentence),
      el("p.hint", {}, answer.exact ? text.why.exact : text.why.traced),
      matches.length > 0 && el("h3", {}, text.why.places),
      matches.length > 0 && list,
      this.facts(hit),
    );
  }

  /** Overlay and numbers can be switched off; the choice stays for the next hits. */
  switches(pair, answer, numbered) {
    const settings = (this.settings ??= { heat: true, places: true, strength: 85 });
    const apply = () => {
      pair.classList.toggle("no-heat", !settings.heat);
      pair.classList.toggle("no-places", !settings.places);
      pair.style.setProperty("--strength", String(settings.strength / 100));
    };
    const check = (name, words) =>
      el("label.check", {}, el("input", { type: "checkbox", checked: settings[name], on: { change: (event) => ((settings[name] = event.target.checked), apply()) } }), words);
    const strength = el("input", {
      type: "range", min: 10, max: 100, value: settings.strength, "aria-label": text.why.strength,
      on: { input: () => ((settings.strength = Number(strength.value)), apply()) },
    });
    apply();
    return el("div.row.switches", {}, answer.overlays && check("heat", text.why.heat), answer.overlays && strength, numbered && check("places", text.why.numbers));
  }

  facts(hit) {
    const rows = [["id", hit.id], ["label", hit.label], ...Object.entries(hit.properties ?? {})].filter(([, value]) => value !== null && value !== "");
    const shown = (value) => (typeof value === "number" ? number(value) : String(value));
    return el(
      "details.facts",
      {},
      el("summary", {}, text.why.facts),
      el("dl", {}, rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, shown(value))))),
    );
  }
}
