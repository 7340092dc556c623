// Colours of the map: a palette for names (distinct for colour-blind people too), a ramp for numbers.

// Okabe and Ito (2008), then lighter and darker relatives.
const PALETTE = [
  [0, 114, 178], [230, 159, 0], [0, 158, 115], [204, 121, 167], [213, 94, 0], [86, 180, 233], [148, 103, 189],
  [188, 168, 30], [140, 86, 75], [60, 190, 200], [120, 140, 60], [240, 110, 130],
];
const OTHERS = [140, 148, 160];
// Five stops of viridis.
const RAMP = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

function ramp(share) {
  const place = Math.min(Math.max(share, 0), 1) * (RAMP.length - 1);
  const low = Math.min(Math.floor(place), RAMP.length - 2);
  return RAMP[low].map((part, position) => Math.round(part + (RAMP[low + 1][position] - part) * (place - low)));
}

export const css = (color) => `rgb(${color.join(",")})`;

/**
 * Colour of each point and the legend.
 * @param {{kind: string, values: Array}|null} column Values of the points, or null for one colour.
 * @returns {{of: (point: number) => number[], legend: Array<{name: string|null, color: number[], count: number}>,
 *   key: (point: number) => string|null, range: number[]|null}} `name` null stands for the values without a colour.
 */
export function coloring(column, points) {
  if (!column) return { of: () => PALETTE[0], legend: [], key: () => null, range: null };
  if (column.kind === "number") {
    const known = column.values.filter((value) => Number.isFinite(value));
    const low = known.reduce((least, value) => Math.min(least, value), Infinity);
    const high = known.reduce((most, value) => Math.max(most, value), -Infinity);
    const of = (point) => {
      const value = column.values[point];
      return Number.isFinite(value) ? ramp((value - low) / (high - low || 1)) : OTHERS;
    };
    return { of, legend: [], key: () => null, range: known.length ? [low, high] : null };
  }
  const counts = new Map();
  for (let point = 0; point < points; point += 1) {
    const name = String(column.values[point] ?? "");
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const names = [...counts].sort((one, other) => other[1] - one[1] || one[0].localeCompare(other[0]));
  const shades = new Map(names.slice(0, PALETTE.length).map(([name], position) => [name, PALETTE[position]]));
  const key = (point) => {
    const name = String(column.values[point] ?? "");
    return shades.has(name) ? name : null;
  };
  const legend = [...shades].map(([name, color]) => ({ name, color, count: counts.get(name) }));
  const rest = names.slice(PALETTE.length).reduce((sum, [, images]) => sum + images, 0);
  if (rest) legend.push({ name: null, color: OTHERS, count: rest });
  return { of: (point) => shades.get(String(column.values[point] ?? "")) ?? OTHERS, legend, key, range: null };
}
