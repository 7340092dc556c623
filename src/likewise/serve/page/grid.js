// A grid that keeps only the visible rows in the document, so that 100,000 hits scroll like 100.

const OVERSCAN = 3; // rows above and below the window

/** Lays out items in rows of equal height within the scrolling of the window or of an element. */
export class Grid {
  /**
   * @param {HTMLElement} root A list (`ul`) that is made as high as all rows together.
   * @param {object} options
   * @param {(item: object, position: number) => HTMLElement} options.item Makes the `li` of an item.
   * @param {() => void} options.end Called when the last loaded rows come into sight.
   * @param {number} options.width Smallest width of a tile in rem.
   * @param {number} options.caption Height below the picture of a tile in rem.
   * @param {Element|null} options.scroller The scrolling element; null for the window.
   */
  constructor(root, { item, end = () => {}, width = 10, caption = 3.4, scroller = null }) {
    Object.assign(this, { root, item, end, width, caption, scroller });
    this.items = [];
    this.shown = new Map();
    this.active = 0;
    root.classList.add("grid");
    this.frame = 0;
    this.schedule = () => {
      this.frame ||= requestAnimationFrame(() => {
        this.frame = 0;
        this.render();
      });
    };
    (scroller ?? window).addEventListener("scroll", this.schedule, { passive: true });
    this.resized = new ResizeObserver(() => this.layout());
    this.resized.observe(root);
    if (scroller) this.resized.observe(scroller);
    addEventListener("resize", this.schedule);
    root.addEventListener("keydown", (event) => this.keys(event));
    root.addEventListener("focusin", (event) => this.focused(event));
  }

  stop() {
    (this.scroller ?? window).removeEventListener("scroll", this.schedule);
    removeEventListener("resize", this.schedule);
    this.resized.disconnect();
  }

  set(items, { total = null } = {}) {
    this.items = items;
    this.total = total;
    this.active = Math.min(this.active, Math.max(items.length - 1, 0));
    this.refresh();
  }

  append(items, { total = null } = {}) {
    this.items.push(...items);
    this.total = total;
    this.layout();
  }

  /** Makes the visible tiles again, and keeps the focus where it was. */
  refresh() {
    const focused = this.root.contains(document.activeElement);
    for (const tile of this.shown.values()) tile.remove();
    this.shown.clear();
    this.layout();
    if (focused) this.focus(this.active);
  }

  layout() {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const gap = 0.75 * rem;
    const space = this.root.clientWidth;
    if (!space) return;
    this.columns = Math.max(1, Math.floor((space + gap) / (this.width * rem + gap)));
    this.tile = (space - gap * (this.columns - 1)) / this.columns;
    this.step = this.tile + gap;
    this.row = this.tile + this.caption * rem + gap;
    this.root.style.height = `${Math.ceil(this.items.length / this.columns) * this.row}px`;
    for (const [position, tile] of this.shown) this.place(tile, position);
    this.render();
  }

  place(tile, position) {
    const x = (position % this.columns) * this.step;
    const y = Math.floor(position / this.columns) * this.row;
    tile.style.transform = `translate(${x}px, ${y}px)`;
    tile.style.width = `${this.tile}px`;
    tile.style.setProperty("--tile", `${this.tile}px`);
  }

  render() {
    if (!this.columns || !this.root.isConnected) return;
    const box = this.root.getBoundingClientRect();
    const frame = this.scroller?.getBoundingClientRect() ?? { top: 0, bottom: innerHeight };
    const first = Math.max(0, Math.floor((frame.top - box.top) / this.row) - OVERSCAN) * this.columns;
    const bottom = Math.ceil((frame.bottom - box.top) / this.row) + OVERSCAN;
    const last = Math.min(this.items.length, Math.max(0, bottom) * this.columns);
    for (const [position, tile] of this.shown) {
      const focused = tile.contains(document.activeElement);
      if ((position < first || position >= last) && !focused) {
        tile.remove();
        this.shown.delete(position);
      }
    }
    for (let position = first; position < last; position += 1) {
      if (!this.shown.has(position)) this.show(position);
    }
    if (last >= this.items.length - this.columns * OVERSCAN) this.end();
  }

  show(position) {
    const tile = this.item(this.items[position], position);
    tile.dataset.position = String(position);
    tile.setAttribute("aria-posinset", String(position + 1));
    tile.setAttribute("aria-setsize", String(this.total ?? -1));
    this.place(tile, position);
    this.tabbable(tile, position === this.active);
    const next = [...this.shown.keys()].filter((other) => other > position);
    this.root.insertBefore(tile, next.length ? this.shown.get(Math.min(...next)) : null);
    this.shown.set(position, tile);
  }

  /** One tile takes part in the order of the Tab key; arrow keys move it. */
  tabbable(tile, active) {
    for (const control of tile.querySelectorAll("button, a")) control.tabIndex = active ? 0 : -1;
  }

  focused(event) {
    const tile = event.target.closest("[data-position]");
    if (tile) this.activate(Number(tile.dataset.position));
  }

  activate(position) {
    if (position === this.active) return;
    const before = this.shown.get(this.active);
    if (before) this.tabbable(before, false);
    this.active = position;
    const tile = this.shown.get(position);
    if (tile) this.tabbable(tile, true);
  }

  focus(position) {
    const target = Math.max(0, Math.min(position, this.items.length - 1));
    if (!this.shown.has(target)) this.show(target);
    this.activate(target);
    const tile = this.shown.get(target);
    tile.querySelector("button, a")?.focus({ preventScroll: true });
    tile.scrollIntoView({ block: "nearest" });
  }

  keys(event) {
    if (event.target.closest("input, select, textarea")) return;
    const steps = {
      ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns, ArrowUp: -this.columns, PageDown: this.columns * 4,
      PageUp: -this.columns * 4, Home: -this.items.length, End: this.items.length,
    };
    const step = steps[event.key];
    if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.focus(this.active + step);
  }
}
