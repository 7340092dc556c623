// The picture of the map: zoom, pan, hover and lasso by pointer, wheel, pinch and keyboard.

import { el } from "./dom.js";
import { Points } from "./points.js";

const REACH = 10; // pixels around the pointer in which a point is found
const HOME = { zoom: 0.92, x: 0.5, y: 0.5 };

/** Whether points lie in a polygon, by crossings of a ray. */
export function inside(polygon, x, y) {
  let within = false;
  for (let one = 0, other = polygon.length - 1; one < polygon.length; other = one, one += 1) {
    const [x1, y1] = polygon[one];
    const [x2, y2] = polygon[other];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) within = !within;
  }
  return within;
}

export class Chart {
  /** @param {{hover: (point: number, at: number[]) => void, pick: Function, lasso: (points: number[]) => void}} events */
  constructor(events) {
    this.events = events;
    this.view = { ...HOME };
    this.canvas = el("canvas.points", { role: "img", tabindex: "0" });
    this.overlay = el("canvas.points-overlay", { "aria-hidden": "true" });
    this.element = el("div.chart", {}, this.canvas, this.overlay);
    this.points = new Points(this.canvas);
    this.pointers = new Map();
    this.lassoing = false;
    new ResizeObserver(() => this.draw()).observe(this.element);
    const listen = (name, act, options) => this.canvas.addEventListener(name, act.bind(this), options);
    listen("pointerdown", this.down);
    listen("pointermove", this.move);
    listen("pointerup", this.up);
    listen("pointercancel", this.up);
    listen("pointerleave", () => this.events.hover(-1));
    listen("wheel", this.wheel, { passive: false });
    listen("keydown", this.keys);
  }

  set(xs, ys, label) {
    this.xs = xs;
    this.ys = ys;
    const positions = new Float32Array(2 * xs.length);
    for (let point = 0; point < xs.length; point += 1) {
      positions[2 * point] = xs[point];
      positions[2 * point + 1] = ys[point];
    }
    this.points.setPositions(positions);
    this.canvas.setAttribute("aria-label", label);
    this.buckets();
    this.home();
  }

  /** Cells of a 128 x 128 raster with the points in them: hovering looks at a few cells only. */
  buckets() {
    this.cells = new Map();
    for (let point = 0; point < this.xs.length; point += 1) {
      const cell = Math.floor(this.xs[point] * 128) * 1000 + Math.floor(this.ys[point] * 128);
      if (this.cells.has(cell)) this.cells.get(cell).push(point);
      else this.cells.set(cell, [point]);
    }
  }

  setColors(colors) {
    this.colors = colors;
    this.points.setColors(colors);
    this.draw();
  }

  home() {
    this.view = { ...HOME };
    this.draw();
  }

  draw() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.points.draw(this.view);
      this.drawLasso();
    });
  }

  get side() {
    return Math.min(this.canvas.clientWidth, this.canvas.clientHeight) * this.view.zoom;
  }

  /** From pixels of the canvas to the square of the points. */
  toData([x, y]) {
    return [
      (x - this.canvas.clientWidth / 2) / this.side + this.view.x,
      (this.canvas.clientHeight / 2 - y) / this.side + this.view.y,
    ];
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  zoom(factor, at = [this.canvas.clientWidth / 2, this.canvas.clientHeight / 2]) {
    const before = this.toData(at);
    this.view.zoom = Math.min(Math.max(this.view.zoom * factor, 0.5), 400);
    const after = this.toData(at);
    this.view.x += before[0] - after[0];
    this.view.y += before[1] - after[1];
    this.draw();
  }

  pan(dx, dy) {
    this.view.x -= dx / this.side;
    this.view.y += dy / this.side;
    this.draw();
  }

  wheel(event) {
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), this.at(event));
  }

  down(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.at(event));
    this.moved = 0;
    this.outline = (this.lassoing || event.shiftKey) && this.pointers.size === 1 ? [this.at(event)] : null;
  }

  move(event) {
    const at = this.at(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) return this.events.hover(this.nearest(at), at);
    this.pointers.set(event.pointerId, at);
    this.moved += Math.hypot(at[0] - before[0], at[1] - before[1]);
    if (this.pointers.size === 2) return this.pinch(event.pointerId, before, at);
    if (this.outline) {
      this.outline.push(at);
      return this.draw();
    }
    return this.pan(at[0] - before[0], at[1] - before[1]);
  }

  pinch(moved, before, at) {
    this.outline = null;
    const [[, other]] = [...this.pointers].filter(([id]) => id !== moved);
    const spread = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]) || 1;
    const middle = [(at[0] + other[0]) / 2, (at[1] + other[1]) / 2];
    this.pan((at[0] - before[0]) / 2, (at[1] - before[1]) / 2);
    this.zoom(spread(at) / spread(before), middle);
  }

  up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const { outline } = this;
    this.outline = null;
    if (outline && outline.length > 3) this.events.lasso(this.within(outline.map((point) => this.toData(point))));
    else if (this.moved < 4) this.events.pick(this.nearest(this.at(event)));
    this.draw();
  }

  /** Visible points in a polygon of the data. */
  within(polygon) {
    const xs = polygon.map(([x]) => x);
    const ys = polygon.map(([, y]) => y);
    const [left, right, low, high] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const found = [];
    for (let point = 0; point < this.xs.length; point += 1) {
      const [x, y] = [this.xs[point], this.ys[point]];
      if (x < left || x > right || y < low || y > high || !this.visible(point)) continue;
      if (inside(polygon, x, y)) found.push(point);
    }
    return found;
  }

  visible(point) {
    return this.colors[4 * point + 3] > 0;
  }

  /** Points of the visible part of the map. */
  inView() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    return this.within([[0, 0], [width, 0], [width, height], [0, height]].map((corner) => this.toData(corner)));
  }

  nearest(at) {
    if (!this.cells) return -1;
    const [x, y] = this.toData(at);
    const reach = REACH / this.side;
    let [best, least] = [-1, reach];
    const [first, last] = [Math.floor((x - reach) * 128), Math.floor((x + reach) * 128)];
    const [lowest, highest] = [Math.floor((y - reach) * 128), Math.floor((y + reach) * 128)];
    for (let across = first; across <= last; across += 1) {
      for (let up = lowest; up <= highest; up += 1) {
        for (const point of this.cells.get(across * 1000 + up) ?? []) {
          const away = Math.hypot(this.xs[point] - x, this.ys[point] - y);
          if (away < least && this.visible(point)) [best, least] = [point, away];
        }
      }
    }
    return best;
  }

  keys(event) {
    const pans = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
    if (pans[event.key]) this.pan(...pans[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoom(1.4);
    else if (event.key === "-") this.zoom(1 / 1.4);
    else if (event.key === "0") this.home();
    else return;
    event.preventDefault();
  }

  drawLasso() {
    const ratio = devicePixelRatio || 1;
    const { overlay } = this;
    overlay.width = Math.round(overlay.clientWidth * ratio);
    overlay.height = Math.round(overlay.clientHeight * ratio);
    if (!this.outline) return;
    const pen = overlay.getContext("2d");
    pen.scale(ratio, ratio);
    pen.beginPath();
    this.outline.forEach(([x, y]) => pen.lineTo(x, y));
    pen.closePath();
    const style = getComputedStyle(this.element);
    pen.fillStyle = style.getPropertyValue("--lasso-fill");
    pen.strokeStyle = style.color;
    pen.lineWidth = 1.5;
    pen.fill();
    pen.stroke();
  }
}
