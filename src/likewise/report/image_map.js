// The page of a map: points coloured by a column, thumbnails, and a selection as a list or a CSV file.

const data = JSON.parse(document.getElementById("data").textContent);
const sheets = [...document.getElementById("sheets").children];
const MOST_TILES = 240;
const SHADES = { plain: 210, other: 120, chosen: 255, faint: 36 };
const number = (value) => Number(value).toLocaleString("en", { maximumSignificantDigits: 4 });
const plural = (images) => `${images.toLocaleString("en")} ${images === 1 ? "image" : "images"}`;

for (const column of data.columns) column.values ??= column.codes.map((code) => column.names[code]);

/** Draws the thumbnail of a point; false where the page has none. */
function paint(canvas, point) {
  const sheet = sheets[Math.floor(point / data.perSheet)];
  if (!sheet) return false;
  const place = point % data.perSheet;
  [canvas.width, canvas.height] = [data.side, data.side];
  const draw = () => {
    const [left, top] = [(place % data.perRow) * data.side, Math.floor(place / data.perRow) * data.side];
    canvas.getContext("2d").drawImage(sheet, left, top, data.side, data.side, 0, 0, data.side, data.side);
  };
  if (sheet.complete) draw();
  else sheet.addEventListener("load", draw, { once: true });
  return true;
}

function thumbnailOf(point) {
  const canvas = el("canvas.thumbnail", { role: "img", "aria-label": "" });
  return paint(canvas, point) ? canvas : null;
}

/** A CSV table of images that Catalog reads: paths and all columns of the page. */
function csvOf(points) {
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const head = ["path", ...data.columns.map((column) => column.name)];
  const rows = points.map((point) => [data.ids[point], ...data.columns.map((column) => column.values[point])]);
  return [head, ...rows].map((row) => row.map(cell).join(",")).join("\n") + "\n";
}

class MapPage {
  constructor() {
    this.selected = new Set();
    this.hidden = new Set();
    this.chart = new Chart({
      hover: (point, at) => this.hover(point, at),
      pick: (point) => this.pick(point),
      lasso: (points) => this.choose(points),
    });
    this.tip = el("div.tip", { hidden: true });
    this.legend = el("div");
    this.selection = el("section.selection", { "aria-label": "Selection" });
    const options = [["", "one colour"], ...data.columns.map((column) => [column.name, column.name])];
    const choice = select("Colour", options, data.color ?? "", (name) => this.color(name));
    const help = "Drag to move, scroll or pinch to zoom, hold Shift and drag for a lasso. Keys: arrows, +, -, 0.";
    document.getElementById("map").append(
      el(
        "div.map-grid",
        {},
        el("div", {}, el("div.map-frame", {}, this.chart.element, this.tip, this.buttons()), el("p.hint", {}, help)),
        el("div.map-side", {}, choice, this.legend, this.selection),
      ),
    );
    document.getElementById("still").remove();
    this.chart.set(data.x, data.y, `Map of ${plural(data.ids.length)}. Arrows move it, + and - zoom, 0 shows all.`);
    this.color(data.color ?? "");
    this.choose([]);
  }

  buttons() {
    const tool = (symbol, label, act, more = {}) => button("", act, { kind: "tool", symbol, label, ...more });
    this.lasso = tool("lasso", "Select with a lasso", () => this.lassoMode(!this.chart.lassoing), { "aria-pressed": "false" });
    return el(
      "div.map-buttons",
      {},
      this.lasso,
      tool("plus", "Zoom in", () => this.chart.zoom(1.5)),
      tool("minus", "Zoom out", () => this.chart.zoom(1 / 1.5)),
      tool("undo", "Show all", () => this.chart.home()),
    );
  }

  lassoMode(on) {
    this.chart.lassoing = on;
    this.lasso.setAttribute("aria-pressed", String(on));
    this.chart.element.classList.toggle("lassoing", on);
  }

  color(name) {
    this.column = data.columns.find((column) => column.name === name) ?? null;
    this.colors = coloring(this.column, data.ids.length);
    this.hidden.clear();
    this.drawLegend();
    this.shade();
  }

  drawLegend() {
    const { legend, range } = this.colors;
    const entry = ({ name, color, count }) => {
      const words = name === null ? "other values" : name === "" ? "(no value)" : name;
      const swatch = el("span.swatch");
      swatch.style.background = css(color);
      const shown = el("input", {
        type: "checkbox", checked: true, "aria-label": `Show ${words}`,
        on: { change: () => (this.hidden[shown.checked ? "delete" : "add"](name), this.shade()) },
      });
      const all = button(words, () => this.choose(this.named(name)), { kind: "name", title: `Select ${words}` });
      return el("li", {}, shown, swatch, all, el("span.count", {}, count.toLocaleString("en")));
    };
    replace(
      this.legend,
      legend.length > 0 && el("ul.legend-list", { "aria-label": "Colours" }, legend.map(entry)),
      range && el("div.ramp-row", {}, el("span", {}, number(range[0])), el("span.ramp"), el("span", {}, number(range[1]))),
    );
  }

  named(name) {
    return [...data.ids.keys()].filter((point) => this.colors.key(point) === name);
  }

  shade() {
    const colors = new Uint8Array(4 * data.ids.length);
    for (let point = 0; point < data.ids.length; point += 1) {
      colors.set(this.colors.of(point), 4 * point);
      const name = this.colors.legend.length ? this.colors.key(point) : undefined;
      const faint = this.selected.size > 0 && !this.selected.has(point);
      const plain = name === null ? SHADES.other : SHADES.plain;
      colors[4 * point + 3] = this.hidden.has(name) ? 0 : this.selected.has(point) ? SHADES.chosen : faint ? SHADES.faint : plain;
    }
    this.chart.setColors(colors);
  }

  /** A tap selects a point and shows it, where no pointer hovers. */
  pick(point) {
    this.choose(point < 0 ? [] : [point]);
    const { canvas, view, side } = this.chart;
    const at = [(data.x[point] - view.x) * side + canvas.clientWidth / 2, (view.y - data.y[point]) * side + canvas.clientHeight / 2];
    this.hover(point, at);
  }

  choose(points) {
    this.selected = new Set(points);
    this.lassoMode(false);
    this.shade();
    this.drawSelection(points);
  }

  drawSelection(points) {
    const view = button("Select what is in view", () => this.choose(this.chart.inView()));
    if (!points.length) {
      const hint = "Tap a point, draw a lasso or select a name of the legend. The selection can be copied and saved.";
      return replace(this.selection, el("h2", { "aria-live": "polite" }, "Nothing selected"), el("p.hint", {}, hint), view);
    }
    const ids = el("textarea", { readonly: true, "aria-label": "Paths of the selected images" }, points.map((point) => data.ids[point]).join("\n"));
    const tile = (point) => el("li", { title: data.ids[point] }, thumbnailOf(point), el("span", {}, this.caption(point)));
    return replace(
      this.selection,
      el("h2", { "aria-live": "polite" }, `${plural(points.length)} selected`),
      el(
        "div.map-tools",
        {},
        button("Save as CSV", () => this.save(points), { symbol: "download" }),
        button("Copy paths", () => this.copy(ids), { symbol: "copy" }),
        button("Clear", () => this.choose([])),
        view,
      ),
      ids,
      el("ul", { tabindex: "0", "aria-label": "Selected images" }, points.slice(0, MOST_TILES).map(tile)),
      points.length > MOST_TILES && el("p.hint", {}, `Thumbnails of the first ${MOST_TILES}; the list and the file hold all.`),
    );
  }

  caption(point) {
    const value = this.column?.values[point];
    return value === undefined || value === null || value === "" ? data.ids[point] : String(value);
  }

  save(points) {
    const address = URL.createObjectURL(new Blob([csvOf(points)], { type: "text/csv" }));
    el("a", { href: address, download: "selection.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }

  async copy(ids) {
    ids.select();
    try {
      await navigator.clipboard.writeText(ids.value);
      say("Copied.");
    } catch {
      say(document.execCommand("copy") ? "Copied." : "The browser does not allow copying: the paths are selected, press Ctrl+C.");
    }
  }

  hover(point, at) {
    this.tip.hidden = point < 0;
    if (point < 0) return;
    const value = this.column?.values[point];
    if (this.tip.dataset.point !== `${point} ${value}`) {
      this.tip.dataset.point = `${point} ${value}`;
      replace(this.tip, thumbnailOf(point), el("span", {}, data.ids[point]), value !== undefined && value !== null && el("strong", {}, String(value)));
    }
    const { clientWidth: width, clientHeight: height } = this.chart.element;
    const place = (wanted, size, whole) => `${Math.max(4, Math.min(wanted + 14, whole - size - 4))}px`;
    Object.assign(this.tip.style, { left: place(at[0], this.tip.offsetWidth, width), top: place(at[1], this.tip.offsetHeight, height) });
  }
}

new MapPage();
