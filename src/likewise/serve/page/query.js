// From the state of the page to the requests of the API.

import { address, call } from "./api.js";
import { fileOf } from "./pictures.js";

/** A name of a column as conditions spell it. */
export const column = (name) => `"${name.replaceAll('"', '""')}"`;

const quoted = (value) => `'${String(value).replaceAll("'", "''")}'`;

/** A value of a facet as conditions spell it: numbers and flags bare, text in quotes. */
function constant(value, kind) {
  if (kind === "number" && value !== "" && Number.isFinite(Number(value))) return value;
  if (kind === "flag") return String(value).toLowerCase() === "true" ? "true" : "false";
  return quoted(value);
}

/** The condition that chooses some values of one column; "" stands for a missing value. */
export function facetCondition(name, values, kind) {
  const present = values.filter((value) => value !== "");
  const parts = [];
  if (present.length) parts.push(`${column(name)} IN (${present.map((value) => constant(value, kind)).join(", ")})`);
  if (present.length < values.length) parts.push(`${column(name)} IS NULL`);
  return parts.length > 1 ? `(${parts.join(" OR ")})` : parts[0];
}

export const idCondition = (ids) => `id IN (${ids.map(quoted).join(", ")})`;

/** The condition of the filter box and of the facets, without the column `except`. */
export function condition(state, columns, except = null) {
  const kinds = Object.fromEntries(columns.map((each) => [each.name, each.kind]));
  const parts = state.where.trim() ? [`(${state.where.trim()})`] : [];
  for (const [name, values] of Object.entries(state.facets)) {
    if (name !== except && values.length) parts.push(facetCondition(name, values, kinds[name] ?? "text"));
  }
  if (parts.length === 1 && state.where.trim()) return state.where.trim();
  return parts.join(" AND ");
}

/** The query of a state, as the API takes it: a JSON object, and the pictures as files. */
export function query(state, info, index = state.index) {
  const body = { index };
  if (state.ids.length === 1) body.id = state.ids[0];
  if (state.ids.length > 1) body.ids = state.ids;
  if (state.words) body.text = state.words;
  if (state.without) body.without = state.without;
  if (state.url) body.url = state.url;
  if (state.like.length) body.like = state.like;
  if (state.unlike.length) body.unlike = state.unlike;
  if (state.region) body.region = state.region;
  if (state.mask) body.mask = state.mask;
  const where = condition(state, info.columns);
  if (where) body.where = where;
  return { body, files: state.pictures.map(fileOf).filter(Boolean) };
}

/** Sends a query, as JSON or with its pictures as a form. */
export function send(path, { body, files }, extra = {}, signal = undefined) {
  const json = { ...body, ...extra };
  if (!files.length) return call(path, { json, signal });
  const form = new FormData();
  form.append("query", JSON.stringify(json));
  for (const file of files) form.append("image", file, file.name || "pasted.png");
  return call(path, { form, signal });
}

/** What identifies the answers to a state: where it is equal, no new search is needed. */
export function queryKey(state) {
  const { index, ids, like, unlike, pictures, words, without, url, mask, region, where, facets, group, other } = state;
  return JSON.stringify([
    index, ids, like, unlike, pictures, words, without, url, mask, region, where, facets, group, other,
  ]);
}

/** Counts of the values of all columns. A column with a choice is counted without it, so that others can be added. */
export async function facetCounts(state, info, signal) {
  const names = info.columns.filter((each) => each.kind !== "number" || each.values <= 40).map((each) => each.name);
  const chosen = names.filter((name) => state.facets[name]?.length);
  const rest = names.filter((name) => !chosen.includes(name));
  const ask = (columns, except) =>
    call(
      address("/v1/facets", {
        index: state.index, where: condition(state, info.columns, except), columns,
      }),
      { signal },
    );
  const answers = await Promise.all([...(rest.length ? [ask(rest, null)] : []), ...chosen.map((name) => ask([name], name))]);
  const facets = Object.assign({}, ...answers.map((answer) => answer.facets));
  return names.filter((name) => facets[name]).map((name) => ({ name, values: facets[name] }));
}
