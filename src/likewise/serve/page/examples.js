// Images of the index as they are listed before the first query.

import { askWithId } from "./ask.js";
import { el } from "./dom.js";
import { picture } from "./hits.js";
import { shortName, text } from "./strings.js";

export function exampleTile({ id, label, image }, index) {
  const name = label || shortName(id);
  return el(
    "li",
    {},
    el(
      "button.tile-open",
      { type: "button", title: id, "aria-label": text.search.askWith(name), on: { click: () => askWithId(id) } },
      picture(id, index, image ?? null),
    ),
    el("span.tile-label", {}, name),
  );
}
