// One hit as a tile: picture, distance, rank, label, whether it counts as the same, and what can be done with it.

import { thumbnail } from "./api.js";
import { button, el } from "./dom.js";
import { icon } from "./icons.js";
import { state } from "./state.js";
import { distance, shortName, text } from "./strings.js";

/** Whether a hit counts as the same at a threshold; null without one. */
export function isSame(hit, threshold) {
  return threshold === null || threshold === undefined ? null : hit.distance <= threshold;
}

export function verdict(same) {
  if (same === null) return null;
  return el(`span.badge.${same ? "good" : "plain"}`, {}, same && icon("check"), same ? text.hit.same : text.hit.other);
}

/** The latest mark of a hit, "" where it has none. */
export function markOf(hit) {
  const last = hit.marks?.at(-1);
  return last && last.mark !== "clear" ? last.mark : "";
}

export function markBadge(hit) {
  const mark = markOf(hit);
  if (!mark) return null;
  const last = hit.marks.at(-1);
  return el(
    `span.badge.${mark === "wrong" ? "bad" : "info"}`,
    { title: text.mark.by(last.who, last.when) },
    icon(mark === "wrong" ? "wrong" : "copy"),
    text.mark[mark],
  );
}

/** A picture of the index; where it cannot be shown, its place says so. */
export function picture(id, index, address = null, alternative = "") {
  const frame = el("span.picture");
  const image = el("img", {
    src: address ?? thumbnail(id, index), alt: alternative, loading: "lazy", decoding: "async", draggable: "true",
    data: { id },
  });
  image.addEventListener("error", () => frame.replaceChildren(el("span.no-picture", {}, text.hit.noPicture)));
  frame.append(image);
  return frame;
}

/**
 * The tile of a hit.
 * @param {object} hit As the API gives it.
 * @param {number|null} threshold Distance up to which hits count as the same.
 * @param {object} actions `open`, `next`, `more`, `less`, `mark`: each is called with the hit.
 * @param {Node|null} note Something that is said about the hit, for instance a difference between models.
 */
export function tile(hit, threshold, actions, note = null) {
  const same = isSame(hit, threshold);
  const name = hit.label || shortName(hit.id);
  const isQuery = state().ids.includes(hit.id);
  const described = text.hit.described(hit, same, markOf(hit));
  return el(
    `li.tile${same === false ? ".other" : ""}${markOf(hit) ? `.marked-${markOf(hit)}` : ""}`,
    {},
    el(
      "button.tile-open",
      { type: "button", "aria-label": described, on: { click: () => actions.open(hit) } },
      picture(hit.id, state().index, hit.image),
    ),
    el(
      "div.tile-actions",
      { role: "group", "aria-label": text.hit.actions(name) },
      button("", () => actions.next(hit), { kind: "tool", symbol: "search", label: text.hit.next }),
      button("", () => actions.more(hit), { kind: "tool", symbol: "plus", label: text.hit.more }),
      button("", () => actions.less(hit), { kind: "tool", symbol: "minus", label: text.hit.less }),
      actions.mark && button("", () => actions.mark(hit, "wrong"), { kind: "tool", symbol: "wrong", label: text.mark.markWrong }),
      actions.mark && button("", () => actions.mark(hit, "duplicate"), { kind: "tool", symbol: "copy", label: text.mark.markDuplicate }),
    ),
    el(
      "div.tile-text",
      {},
      el("span.tile-label", { title: hit.id }, name),
      el(
        "span.tile-badges",
        {},
        el("span.rank", {}, `#${hit.rank}`),
        el("span.number", {}, distance(hit.distance)),
        markBadge(hit),
        isQuery ? el("span.badge.info", {}, text.hit.query) : verdict(same),
        hit.group_size > 1 && el("span.badge.plain", {}, text.hit.group(hit.group_size)),
        note,
      ),
    ),
  );
}
