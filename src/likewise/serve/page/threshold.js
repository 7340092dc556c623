// The slider of the threshold. It stops where rates were measured: on the curve, and at the calibrated
// distance.

import { el, replace, svg } from "./dom.js";
import { state } from "./state.js";
import { distance, percent, text } from "./strings.js";

/** Measured points, by distance, with the calibrated one among them. */
export function points(calibration) {
  const curve = calibration?.curve;
  if (!curve) return [];
  // At a distance of 0 not even a copy counts as the same, because distances are rounded.
  const measured = curve.distance.map((value, position) => ({
    distance: value, wrong: curve.false_match_rate[position], missed: curve.miss_rate[position],
  })).filter((point) => point.distance > 0);
  measured.sort((one, other) => one.distance - other.distance);
  const { threshold, false_match_rate: wrong, miss_rate: missed } = calibration;
  if (threshold !== null && !measured.some((point) => point.distance === threshold)) {
    const after = measured.findIndex((point) => point.distance > threshold);
    measured.splice(after < 0 ? measured.length : after, 0, { distance: threshold, wrong, missed });
  }
  return measured;
}

/** Distance up to which hits of an answer count as the same: the slider's, or the calibrated one; null where none applies. */
export function chosenLimit(answer) {
  const { threshold } = state();
  if (!answer?.threshold) return null;
  return threshold !== "" && Number.isFinite(Number(threshold)) ? Number(threshold) : answer.threshold.distance;
}

function nearest(measured, value) {
  let best = 0;
  measured.forEach((point, position) => {
    if (Math.abs(point.distance - value) < Math.abs(measured[best].distance - value)) best = position;
  });
  return best;
}

function drawing(measured, chosen) {
  const [width, height] = [240, 56];
  const x = (position) => 1 + (position / (measured.length - 1 || 1)) * (width - 2); // as the slider below it
  const line = (name) =>
    measured.map((point, position) => `${x(position).toFixed(1)},${(height - 2 - point[name] * (height - 4)).toFixed(1)}`).join(" ");
  const at = x(chosen);
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "curve", "aria-hidden": "true", preserveAspectRatio: "none" },
    svg("polyline", { points: line("wrong"), class: "curve-wrong" }),
    svg("polyline", { points: line("missed"), class: "curve-missed" }),
    svg("line", { x1: at, x2: at, y1: 0, y2: height, class: "curve-now" }),
  );
}

/**
 * The control of the threshold.
 * @param {object|null} calibration Answer of /v1/calibration.
 * @param {number|null} value The threshold in use.
 * @param {(value: number|null) => void} change Called while the slider moves; null goes back to the calibrated one.
 */
export function thresholdControl(calibration, value, change) {
  const measured = points(calibration);
  if (!measured.length || calibration.threshold === null) {
    return el("section.panel", {}, el("h2", {}, text.threshold.title), el("p.hint", {}, text.threshold.none));
  }
  let chosen = nearest(measured, value ?? calibration.threshold);
  const rates = el("dl.rates", { "aria-live": "polite" });
  const picture = el("div");
  const input = el("input", {
    type: "range", min: 0, max: measured.length - 1, step: 1, value: chosen, "aria-label": text.threshold.slider,
    on: { input: () => move(Number(input.value)) },
  });
  const reset = el(
    "button.link",
    { type: "button", on: { click: () => move(nearest(measured, calibration.threshold), true) } },
    text.threshold.reset(distance(calibration.threshold)),
  );

  function draw() {
    const point = measured[chosen];
    input.value = String(chosen);
    input.setAttribute("aria-valuetext", text.threshold.spoken(point));
    const rate = (kind, name, number) => el(`div.${kind}`, {}, el("dt", {}, name), el("dd", {}, number));
    replace(
      rates,
      rate("now", text.threshold.distance, distance(point.distance)),
      rate("wrong", text.threshold.wrong, percent(point.wrong)),
      rate("missed", text.threshold.missed, percent(point.missed)),
    );
    replace(picture, drawing(measured, chosen));
    reset.disabled = chosen === nearest(measured, calibration.threshold);
  }
  function move(position, calibrated = false) {
    chosen = position;
    draw();
    change(calibrated ? null : measured[position].distance);
  }
  draw();
  return el("section.panel", {}, el("h2", {}, text.threshold.title), rates, picture, input, reset);
}
