// What the page shows stands in its address, so that the back button, bookmarks and links work.

const LISTS = { ids: "id", like: "like", unlike: "unlike", pictures: "picture" };
const WORDS = {
  view: "view", index: "index", words: "q", without: "without", url: "url", mask: "mask", where: "where",
  group: "group", threshold: "threshold", other: "with", hit: "hit", color: "color", method: "method", report: "report",
};
const FACET = "f.";

export const EMPTY = {
  view: "search", index: "", ids: [], like: [], unlike: [], pictures: [], words: "", without: "", url: "", mask: "",
  region: null, where: "", facets: {}, group: "", threshold: "", other: "", hit: "", color: "", method: "", report: "",
};

/** Reads a state from the query part of an address. */
export function decode(query) {
  const parameters = new URLSearchParams(query);
  const state = structuredClone(EMPTY);
  for (const [name, key] of Object.entries(LISTS)) state[name] = parameters.getAll(key);
  for (const [name, key] of Object.entries(WORDS)) state[name] = parameters.get(key) ?? EMPTY[name];
  const region = (parameters.get("region") ?? "").split(",").map(Number);
  state.region = region.length === 4 && region.every((part) => part >= 0 && part <= 1) ? region : null;
  for (const key of new Set(parameters.keys())) {
    if (key.startsWith(FACET)) state.facets[key.slice(FACET.length)] = parameters.getAll(key);
  }
  return state;
}

/** The query part of the address of a state; what is at its default is left out. */
export function encode(state) {
  const parameters = new URLSearchParams();
  for (const [name, key] of Object.entries(WORDS)) {
    if (state[name] !== EMPTY[name]) parameters.set(key, state[name]);
  }
  for (const [name, key] of Object.entries(LISTS)) {
    for (const value of state[name]) parameters.append(key, value);
  }
  if (state.region) parameters.set("region", state.region.map((part) => part.toFixed(4)).join(","));
  for (const [column, values] of Object.entries(state.facets)) {
    for (const value of values) parameters.append(FACET + column, value);
  }
  const words = parameters.toString();
  return words ? `?${words}` : location.pathname;
}

let current = decode(location.search);
let listener = () => {};

export const state = () => current;

export function onState(render) {
  listener = render;
  addEventListener("popstate", () => {
    const before = current;
    current = decode(location.search);
    listener(current, before);
  });
}

/** Changes the state and the address; `replaced` makes no new entry for the back button. */
export function go(changes, { replaced = false } = {}) {
  const before = current;
  current = { ...current, ...changes };
  const target = encode(current);
  if (target === encode(before)) {
    if (changes.view) listener(current, before);
    return;
  }
  history[replaced ? "replaceState" : "pushState"](null, "", target);
  listener(current, before);
}

/** The part of the state that belongs to a query; everything else is empty. */
export const NO_QUERY = {
  ids: [], like: [], unlike: [], pictures: [], words: "", without: "", url: "", mask: "", region: null, hit: "",
};

export function hasQuery(state) {
  const { ids, pictures, like, unlike, words, url } = state;
  return ids.length + pictures.length + like.length + unlike.length > 0 || words !== "" || url !== "";
}
