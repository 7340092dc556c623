// The query panel: pictures by drop, paste, file, camera or address, images of the index, words, and parts of a picture.

import { thumbnail } from "./api.js";
import { button, el, field, replace, say, segments } from "./dom.js";
import { icon } from "./icons.js";
import { addressOf, fileOf, imagesOf, keep, missing } from "./pictures.js";
import { regionBox } from "./region.js";
import { go, hasQuery, NO_QUERY, state } from "./state.js";
import { text } from "./strings.js";

export const DRAGGED = "application/x-likewise-id";

/** Asks with files: alone, or together with the pictures that are there. */
export function askWithFiles(files, added = false) {
  if (!files.length) return say(text.ask.noImage, "bad");
  const before = added ? state() : { ...state(), ...NO_QUERY };
  const pictures = [...before.pictures, ...keep(files)];
  return go({ ...before, view: "search", pictures, region: null, url: "", hit: "" });
}

export function askWithId(id, changes = {}) {
  go({ ...NO_QUERY, view: "search", ids: [id], ...changes });
}

/** Moves a hit into the examples of what is wanted or not wanted. */
export function addExample(id, kind) {
  const other = kind === "like" ? "unlike" : "like";
  const { [kind]: examples, [other]: others } = state();
  if (examples.includes(id)) return say(text.ask.already);
  say(kind === "like" ? text.ask.liked : text.ask.unliked);
  return go({ [kind]: [...examples, id], [other]: others.filter((each) => each !== id), hit: "" });
}

/** Dropping and pasting work anywhere on the page. */
export function listenForPictures() {
  const leave = () => document.body.classList.remove("dropping");
  addEventListener("dragstart", (event) => {
    const id = event.target.dataset?.id;
    if (id) event.dataTransfer.setData(DRAGGED, id);
  });
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => event.relatedTarget === null && leave());
  addEventListener("dragend", leave);
  addEventListener("drop", (event) => {
    event.preventDefault();
    leave();
    const id = event.dataTransfer.getData(DRAGGED);
    if (id) askWithId(id);
    else askWithFiles(imagesOf(event.dataTransfer));
  });
  addEventListener("paste", (event) => {
    const files = imagesOf(event.clipboardData);
    if (!files.length) return;
    event.preventDefault();
    askWithFiles(files);
  });
}

function fileInput(name, attributes, added) {
  const input = el("input.hidden-input", {
    type: "file", accept: "image/*,.heic,.heif,.avif", "aria-label": name, ...attributes,
    on: { change: () => askWithFiles([...input.files], added()) },
  });
  return input;
}

const without = (list, value) => list.filter((each) => each !== value);

/** A picture whose place says so where it cannot be shown. */
function shownOrNot(image) {
  image.addEventListener("error", () => image.replaceWith(el("span.no-picture", {}, text.ask.noPreview)));
  return image;
}

function thing(kind, address, name, remove) {
  const image = shownOrNot(el("img", { src: address, alt: name }));
  return el(
    `li.thing.${kind}`,
    {},
    kind !== "plain" && el("span.sign", { "aria-hidden": "true" }, icon(kind === "like" ? "plus" : "minus")),
    image,
    button("", remove, { kind: "tool", symbol: "close", label: text.ask.remove(name) }),
  );
}

/** The pictures and images that the query is made of. */
function things({ ids, pictures, like, unlike, index }) {
  const nameOf = (key) => fileOf(key)?.name || text.ask.picture;
  const clear = { region: null, hit: "" };
  return [
    ...pictures.map((key) =>
      thing("plain", addressOf(key) ?? "", nameOf(key), () => go({ ...clear, pictures: without(state().pictures, key) })),
    ),
    ...ids.map((id) => thing("plain", thumbnail(id, index), id, () => go({ ...clear, ids: without(state().ids, id) }))),
    ...like.map((id) => thing("like", thumbnail(id, index), id, () => go({ hit: "", like: without(state().like, id) }))),
    ...unlike.map((id) => thing("unlike", thumbnail(id, index), id, () => go({ hit: "", unlike: without(state().unlike, id) }))),
  ];
}

/** The one picture of the query, large enough to draw a box on it; null where there are none or several. */
function single({ ids, pictures, index }) {
  if (ids.length + pictures.length !== 1) return null;
  return pictures.length ? addressOf(pictures[0]) : thumbnail(ids[0], index, 512);
}

function partControls(current, masked, add) {
  const maskHint = masked ? null : el("p.hint", {}, text.part.noMasks);
  const masks = [
    ["", text.part.whole], ["object", text.part.object, !masked], ["background", text.part.background, !masked],
  ];
  return el(
    "div.part",
    {},
    segments(text.part.title, "mask", masks, current.mask, (mask) => go({ mask, hit: "" })),
    maskHint,
    add &&
      el(
        "div.row",
        {},
        button(current.region ? text.region.move : text.region.draw, add, { symbol: "crop", kind: "small" }),
        current.region && button(text.region.remove, () => go({ region: null, hit: "" }), { kind: "small" }),
      ),
    add && !current.region && el("p.hint", {}, text.region.hint),
  );
}

function wordsForm(current, index) {
  if (!index.text) return null;
  const words = el("input", { type: "search", name: "words", value: current.words, placeholder: text.ask.wordsExample, enterkeyhint: "search" });
  const not = el("input", { type: "search", name: "without", value: current.without });
  const ask = (event) => {
    event.preventDefault();
    go({ words: words.value.trim(), without: not.value.trim(), hit: "" });
  };
  return el(
    "form.stack",
    { on: { submit: ask } },
    el("div.line", {}, field(text.ask.words, words), button("", null, { kind: "tool", symbol: "search", label: text.ask.searchWords, type: "submit" })),
    (current.words || current.without) && field(text.ask.without, not),
  );
}

function addressForm(current) {
  const input = el("input", { type: "url", name: "url", value: current.url, placeholder: "https://", required: true });
  const ask = (event) => {
    event.preventDefault();
    go({ ...NO_QUERY, url: input.value.trim() });
  };
  return el("form.line", { on: { submit: ask } }, field(text.ask.address, input), button("", null, { kind: "tool", symbol: "search", label: text.ask.searchAddress, type: "submit" }));
}

/** The panel, made again whenever the query changes. */
export class Ask {
  constructor(info) {
    this.info = info;
    this.features = info.features;
    this.element = el("section.panel.ask", { "aria-label": text.ask.title });
  }

  update() {
    const current = state();
    const key = JSON.stringify([
      current.index, current.ids, current.pictures, current.like, current.unlike, current.words, current.without,
      current.url, current.mask, current.region,
    ]);
    if (key === this.key) return;
    const boxFocused = document.activeElement?.classList.contains("region");
    const maskFocused = document.activeElement?.name === "mask";
    this.key = key;
    const added = el("input", { type: "checkbox" });
    const choose = fileInput(text.ask.choose, { multiple: true, id: "file" }, () => added.checked);
    const camera = fileInput(text.ask.camera, { capture: "environment" }, () => added.checked);
    const lost = missing(current.pictures).length > 0;
    const picture = lost ? null : single(current);
    const frame = picture && el("div.query-frame", {}, shownOrNot(el("img", { src: picture, alt: text.ask.queryPicture, draggable: "false" })));
    const region = frame && regionBox(frame, current.region, (box) => go({ region: box, hit: "" }));
    const several = frame ? things({ ...current, ids: [], pictures: [] }) : things(current);
    const asked = hasQuery(current);
    replace(
      this.element,
      el("div.row.between", {}, el("h2", {}, text.ask.title), asked && button(text.ask.clear, () => go({ ...NO_QUERY }), { kind: "small.quiet" })),
      lost && el("p.hint.bad", {}, text.ask.lost),
      frame && el("div.query-picture", {}, frame),
      several.length > 0 && el("ul.things", { "aria-label": text.ask.parts }, several),
      this.more(
        asked,
        (frame || several.length > 0) && partControls(current, this.masked(current), frame ? region.add : null),
        el(
          `div.drop${asked ? ".compact" : ""}`,
          {},
          el("p", {}, icon("upload"), el("span", {}, text.ask.drop)),
          el(
            "div.row",
            {},
            el("label.button.primary", {}, choose, icon("upload"), text.ask.choose),
            el("label.button.camera", {}, camera, icon("camera"), text.ask.camera),
          ),
          asked && el("label.check", {}, added, text.ask.addTo),
        ),
        wordsForm(current, this.index(current)),
        this.features.urls && addressForm(current),
      ),
    );
    if (boxFocused) this.element.querySelector(".region:not([hidden])")?.focus();
    if (maskFocused) this.element.querySelector("input[name=mask]:checked")?.focus();
  }

  /** Whether object and background can be told apart: by a mask model, or by the masks of the index. */
  masked(current) {
    if (this.features.masks) return true;
    return current.ids.length === 1 && !current.pictures.length && this.index(current).masks > 0;
  }

  index(current) {
    return this.info.indexes.find(({ name }) => name === current.index);
  }

  /** What changes a query; on narrow screens it folds away once there is one, so that the hits come into sight. */
  more(asked, ...parts) {
    if (!asked) return parts;
    const folded = el("details.more", { open: this.open ?? matchMedia("(min-width: 47rem)").matches }, el("summary", {}, text.ask.change), el("div.more-parts", {}, parts));
    folded.addEventListener("toggle", () => (this.open = folded.open));
    return folded;
  }
}
