// Start of the page: what the server offers, the navigation, and one view at a time.

import { call, onLogin } from "./api.js";
import { listenForPictures } from "./ask.js";
import { button, el, notice, replace } from "./dom.js";
import { HealthView } from "./health.js";
import { icon } from "./icons.js";
import { askForKey, logout } from "./login.js";
import { MapView } from "./map.js";
import { MarksView } from "./marks.js";
import { ReportsView } from "./reports.js";
import { SearchView } from "./search.js";
import { EMPTY, encode, go, onState, state } from "./state.js";
import { LANGUAGE, count, text } from "./strings.js";

const VIEWS = {
  search: ["search", SearchView], map: ["map", MapView], marks: ["flag", MarksView], reports: ["report", ReportsView],
  health: ["pulse", HealthView],
};
const views = new Map();
const top = document.getElementById("top");
const content = document.getElementById("content");

function themeButton() {
  const dark = () => {
    const { theme } = document.documentElement.dataset;
    return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  const turn = () => {
    const theme = dark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem("likewise-theme", theme);
    } catch {
      // Storage is blocked: the choice holds until the page is left.
    }
    show();
  };
  const made = button("", turn, { kind: "tool", symbol: "moon", label: text.theme.dark });
  const show = () => {
    made.replaceChildren(icon(dark() ? "sun" : "moon"));
    made.title = dark() ? text.theme.light : text.theme.dark;
    made.setAttribute("aria-label", made.title);
  };
  show();
  return made;
}

/** A link to a view: it keeps the index and drops what belongs to other views. */
function viewLink(name, current) {
  const [symbol] = VIEWS[name];
  const kept = name === "search" || name === "map" ? { where: current.where, facets: current.facets } : {};
  const target = { ...EMPTY, index: current.index, ...kept, view: name };
  const open = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(target);
  };
  const here = current.view === name ? "page" : null;
  return el("a.tab", { href: encode(target), "aria-current": here, on: { click: open } }, icon(symbol), el("span", {}, text.views[name]));
}

function drawTop(info) {
  const current = state();
  const options = info.indexes.map(({ name, images }) =>
    el("option", { value: name, selected: name === current.index }, text.indexOption(name, count(images))),
  );
  const choose = (event) => go({ ...EMPTY, view: state().view, index: event.target.value });
  const focused = top.contains(document.activeElement) ? document.activeElement.textContent : null;
  replace(
    top,
    el("a.brand", { href: "/", "aria-label": text.brand }, el("img", { src: "/static/icon.svg", alt: "", width: 28, height: 28 }), el("span", {}, "likewise")),
    el("nav", { "aria-label": text.navigation }, Object.keys(VIEWS).map((name) => viewLink(name, current))),
    el(
      "div.row.top-end",
      {},
      el("select.index", { "aria-label": text.index, on: { change: choose } }, options),
      themeButton(),
      info.role && button("", logout, { kind: "tool", symbol: "key", label: text.login.out }),
    ),
  );
  for (const link of top.querySelectorAll("a.tab")) if (focused && link.textContent === focused) link.focus();
}

async function render(info, current, before) {
  const { index, view } = current;
  if (!info.indexes.some((each) => each.name === index) && info.indexes.length) {
    return go({ index: info.indexes[0].name }, { replaced: true });
  }
  if (!VIEWS[view]) return go({ view: "search" }, { replaced: true });
  drawTop(info);
  const [, View] = VIEWS[view];
  if (!views.has(view)) views.set(view, new View(info));
  const shown = views.get(view);
  if (shown.element.parentNode !== content) {
    content.replaceChildren(shown.element);
    if (before && before.view !== view) scrollTo(0, 0);
  }
  document.title = text.title(text.views[view], index);
  if (view !== "search") views.get("search")?.why.update([]);
  return shown.update();
}

async function start() {
  document.documentElement.lang = LANGUAGE;
  document.getElementById("skip").textContent = text.skip;
  onLogin(askForKey);
  try {
    const info = await call("/v1/info");
    if (!info.indexes.length) return replace(content, notice(text.noIndex, text.noIndexMore, "warning"));
    onState((current, before) => render(info, current, before));
    listenForPictures();
    return await render(info, state(), null);
  } catch (problem) {
    return replace(content, notice(text.startFailed, problem.message, "bad", button(text.again, () => location.reload())));
  }
}

start();
