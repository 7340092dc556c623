// The map view: all images of the index as points, coloured by a column, with a selection beside them.

import { address, call, Problem, thumbnail } from "./api.js";
import { Chart } from "./chart.js";
import { coloring, css } from "./colors.js";
import { button, el, loading, notice, replace, say, segments, select } from "./dom.js";
import { filterBox } from "./facets.js";
import { condition } from "./query.js";
import { Selection } from "./selection.js";
import { go, state } from "./state.js";
import { count, number, percent, shortName, text } from "./strings.js";

const OPEN = ["waiting", "running", "cancelling"];
const POLL_MS = 1000;
const SHADE = { plain: 210, other: 110, chosen: 255, faint: 36 };

export class MapView {
  constructor(info) {
    this.info = info;
    this.chart = new Chart({
      hover: (point, at) => this.hover(point, at),
      pick: (point) => point >= 0 && this.choose([point]),
      lasso: (points) => this.choose(points),
    });
    this.selection = new Selection(info);
    this.selected = new Set();
    this.hidden = new Set();
    this.controls = el("div.row.tools");
    this.legend = el("div.legend");
    this.note = el("p.hint");
    this.tip = el("div.tip", { hidden: true });
    this.message = el("div.map-message");
    const cancel = () => call(`/v1/jobs/${this.job.id}`, { method: "DELETE" }).catch((problem) => say(problem.message, "bad"));
    this.cancel = button(text.map.cancel, cancel, { kind: "small" });
    const frame = el("div.map-frame", {}, this.chart.element, this.tip, this.buttons(), this.message);
    this.element = el(
      "div.map",
      {},
      el("div.head", {}, el("h1", {}, text.map.title), this.controls),
      el("div.map-columns", {}, el("div", {}, frame, this.note), el("div.map-side", {}, this.legend, this.selection.element)),
    );
  }

  buttons() {
    const lasso = button("", () => this.lassoMode(!this.chart.lassoing), { kind: "tool", symbol: "lasso", label: text.map.lasso, "aria-pressed": "false" });
    this.lassoMode = (on) => {
      this.chart.lassoing = on;
      lasso.setAttribute("aria-pressed", String(on));
      this.chart.element.classList.toggle("lassoing", on);
    };
    return el(
      "div.map-buttons",
      {},
      lasso,
      button("", () => this.chart.zoom(1.5), { kind: "tool", symbol: "plus", label: text.map.zoomIn }),
      button("", () => this.chart.zoom(1 / 1.5), { kind: "tool", symbol: "minus", label: text.map.zoomOut }),
      button("", () => this.chart.home(), { kind: "tool", symbol: "undo", label: text.map.home }),
    );
  }

  get index() {
    return this.info.indexes.find((each) => each.name === state().index);
  }

  async update() {
    const { index, method, color, where, facets } = state();
    const key = JSON.stringify([index, method, color, where, facets]);
    if (key === this.key) return this.chart.draw();
    this.key = key;
    this.drawControls();
    const asked = address("/v1/map", { index, method: method || "pca", color: this.colorOf(color), where: condition(state(), this.index.columns) });
    this.abort?.abort();
    this.abort = new AbortController();
    const waiting = method === "umap" ? [text.map.loadingUmap, this.cancel] : text.map.loading;
    const answer = await loading(this.message, waiting, this.computed(asked, this.abort.signal), text.map.failed);
    if (!answer || key !== this.key) return null;
    replace(this.message, answer.ids.length ? null : notice(text.map.empty, text.map.emptyMore));
    const moved = this.answer?.ids.length !== answer.ids.length || this.answer.method !== answer.method || this.indexShown !== index;
    this.answer = answer;
    this.indexShown = index;
    this.hidden.clear();
    this.colors = coloring(answer.color, answer.ids.length);
    if (moved) {
      this.selected.clear();
      this.selection.set([]);
      this.chart.set(answer.x, answer.y, text.map.described(count(answer.ids.length), index));
    }
    this.drawLegend();
    this.shade();
    const variance = answer.explained_variance;
    replace(this.note, answer.method === "pca" && variance ? text.map.variance(percent(variance[0] + variance[1])) : text.map.umapNote, ` ${text.map.help}`);
    return null;
  }

  /** The map; where a job computes it first, this waits for the job. */
  async computed(asked, signal) {
    this.cancel.hidden = true;
    for (let tries = 0; tries < 2; tries += 1) {
      const answer = await call(asked, { signal });
      if (!answer.job) return answer;
      this.job = answer.job;
      this.cancel.hidden = this.info.role === "read";
      while (OPEN.includes(this.job.state)) {
        await new Promise((done) => setTimeout(done, POLL_MS));
        this.job = await call(`/v1/jobs/${answer.job.id}`, { signal });
      }
      if (this.job.state !== "done") throw new Problem(0, this.job.error ?? text.map.cancelled);
    }
    throw new Problem(0, text.map.changing);
  }

  /** Without a choice the labels colour the map, where the index has any. */
  colorOf(color) {
    if (color === "none") return "";
    if (color) return color;
    const names = this.index.columns.map((each) => each.name);
    return names.includes("label") ? "label" : "";
  }

  drawControls() {
    const { method, color } = state();
    const columns = [["none", text.map.noColor], ...this.index.columns.map((each) => [each.name, each.name])];
    const methods = [["pca", "PCA"], ["umap", "UMAP", !this.info.features.umap]];
    const focused = document.activeElement?.closest?.(".tools select") !== null && this.controls.contains(document.activeElement);
    replace(
      this.controls,
      filterBox(),
      select(text.map.color, columns, this.colorOf(color) || "none", (chosen) => go({ color: chosen }, { replaced: true })),
      segments(text.map.method, "method", methods, method || "pca", (chosen) => go({ method: chosen }, { replaced: true })),
    );
    if (focused) this.controls.querySelector("select").focus();
  }

  drawLegend() {
    const { legend, range } = this.colors;
    const swatch = (color) => {
      const mark = el("span.swatch");
      mark.style.background = css(color);
      return mark;
    };
    const entry = ({ name, color, count: images }) => {
      const words = name === null ? text.map.others : name === "" ? text.facets.missing : name;
      const shown = el("input", {
        type: "checkbox", checked: !this.hidden.has(name), "aria-label": text.map.show(words),
        on: { change: () => (this.hidden[shown.checked ? "delete" : "add"](name), this.shade()) },
      });
      const all = button(words, () => this.choose(this.named(name)), { kind: "link", title: text.map.selectAll(words) });
      return el("li", {}, shown, swatch(color), all, el("span.count", {}, count(images)));
    };
    const view = button(text.map.selectView, () => this.choose(this.chart.inView()), { kind: "small" });
    const clear = button(text.map.clear, () => this.choose([]), { kind: "small.quiet" });
    replace(
      this.legend,
      legend.length > 0 && el("ul.legend-list", { "aria-label": text.map.legend }, legend.map(entry)),
      range && el("div.ramp-row", {}, el("span", {}, number(range[0])), el("span.ramp"), el("span", {}, number(range[1]))),
      el("div.row", {}, view, clear),
    );
  }

  named(name) {
    const points = [];
    for (let point = 0; point < this.answer.ids.length; point += 1) {
      if (this.colors.key(point) === name) points.push(point);
    }
    return points;
  }

  /** Colours and opacities of all points, from the column, the legend and the selection. */
  shade() {
    const points = this.answer.ids.length;
    const colors = new Uint8Array(4 * points);
    for (let point = 0; point < points; point += 1) {
      colors.set(this.colors.of(point), 4 * point);
      const named = this.colors.legend.length ? this.colors.key(point) : undefined;
      const plain = named === null ? SHADE.other : SHADE.plain;
      const faint = this.selected.size > 0 && !this.selected.has(point);
      colors[4 * point + 3] = this.hidden.has(named) ? 0 : this.selected.has(point) ? SHADE.chosen : faint ? SHADE.faint : plain;
    }
    this.chart.setColors(colors);
  }

  choose(points) {
    this.selected = new Set(points);
    this.selection.set(points.map((point) => this.answer.ids[point]));
    this.lassoMode(false);
    this.shade();
  }

  hover(point, at) {
    this.tip.hidden = point < 0;
    if (point < 0 || this.tip.dataset.point === String(point)) return;
    this.tip.dataset.point = String(point);
    const id = this.answer.ids[point];
    const value = this.answer.color?.values[point];
    replace(this.tip, el("img", { src: thumbnail(id, state().index, 128), alt: "" }), el("span", {}, shortName(id)), value !== undefined && value !== null && el("strong", {}, String(value)));
    const [x, y] = at;
    const { clientWidth: width, clientHeight: height } = this.chart.element;
    Object.assign(this.tip.style, { left: `${Math.min(x + 14, width - 150)}px`, top: `${Math.min(y + 14, height - 170)}px` });
  }
}
