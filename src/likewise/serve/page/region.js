// The box on the query picture: drawn with a pointer, moved and sized with the keyboard.

import { el } from "./dom.js";
import { text } from "./strings.js";

const SMALLEST = 0.04; // fraction of a side
const STEP = 0.02;

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** A box within the picture, with sides of at least SMALLEST. */
function within([x, y, w, h]) {
  const width = clamp(w, SMALLEST, 1);
  const height = clamp(h, SMALLEST, 1);
  return [clamp(x, 0, 1 - width), clamp(y, 0, 1 - height), width, height];
}

/**
 * Makes a box over a picture.
 * @param {HTMLElement} frame Holds exactly the picture.
 * @param {number[]|null} start Left, top, width and height as fractions of the picture, or null.
 * @param {(region: number[]|null) => void} changed Called when a box is finished.
 * @returns {{add: () => void}} `add` puts a box in the middle and gives it the focus.
 */
export function regionBox(frame, start, changed) {
  let region = start;
  let drawing = null;
  const box = el("button.region", { type: "button", hidden: !start });
  frame.append(box);

  function show() {
    box.hidden = !region;
    if (!region) return;
    const [x, y, w, h] = region.map((part) => `${part * 100}%`);
    Object.assign(box.style, { left: x, top: y, width: w, height: h });
    box.setAttribute("aria-label", text.region.label(region));
  }
  function point(event) {
    const around = frame.getBoundingClientRect();
    return [
      clamp((event.clientX - around.left) / around.width, 0, 1),
      clamp((event.clientY - around.top) / around.height, 0, 1),
    ];
  }
  function keys(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === "Delete" || event.key === "Backspace" || event.key === "Escape") {
      event.preventDefault();
      region = null;
      show();
      changed(null);
    } else if (moves[event.key]) {
      event.preventDefault();
      const [dx, dy] = moves[event.key].map((part) => part * STEP);
      const [x, y, w, h] = region;
      region = within(event.shiftKey ? [x, y, w + dx, h + dy] : [x + dx, y + dy, w, h]);
      show();
      clearTimeout(keys.timer);
      keys.timer = setTimeout(() => changed(region), 400);
    }
  }
  frame.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    drawing = point(event);
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!drawing) return;
    const [x, y] = point(event);
    const [left, top] = [Math.min(x, drawing[0]), Math.min(y, drawing[1])];
    region = [left, top, Math.abs(x - drawing[0]), Math.abs(y - drawing[1])];
    show();
  });
  const finish = () => {
    if (!drawing) return;
    drawing = null;
    // A click without a drag takes the box away.
    region = region && region[2] >= SMALLEST && region[3] >= SMALLEST ? region : null;
    show();
    if (String(region) !== String(start)) changed(region);
  };
  frame.addEventListener("pointerup", finish);
  frame.addEventListener("pointercancel", finish);
  box.addEventListener("keydown", keys);
  frame.classList.add("drawable");
  show();
  return {
    add() {
      region = region ?? [0.25, 0.25, 0.5, 0.5];
      show();
      box.focus();
      changed(region);
    },
  };
}
