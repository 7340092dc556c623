// All words of the page. A translation replaces this file; numbers and times follow the language of the browser.

export const LANGUAGE = "en";

const whole = new Intl.NumberFormat(LANGUAGE);
const short = new Intl.NumberFormat(LANGUAGE, { maximumSignificantDigits: 4 });
const distances = new Intl.NumberFormat(LANGUAGE, { minimumFractionDigits: 3, maximumFractionDigits: 3 });
const times = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeStyle: "short" });

export const count = (value) => whole.format(value);
export const number = (value) => short.format(value);
export const distance = (value) => distances.format(value);

/** A share from 0 to 1 in percent; small ones keep two digits. */
export function percent(share) {
  const digits = share > 0 && share < 0.1 ? 2 : 1;
  return `${new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: digits }).format(100 * share)} %`;
}

export function time(value) {
  const moment = new Date(value);
  return Number.isNaN(moment.getTime()) ? "" : times.format(moment);
}

export const bytes = (value) => (value < 1e6 ? `${number(value / 1e3)} kB` : `${number(value / 1e6)} MB`);

/** What an image without a label is called: the last part of its id. */
export const shortName = (id) => id.split("/").at(-1) || id;

const plural = (value, one, more) => `${count(value)} ${value === 1 ? one : more}`;
const percents = (box) => box.map((part) => Math.round(100 * part)).join(", ");

export const text = {
  brand: "likewise, start page",
  skip: "Skip to the content",
  navigation: "Views",
  index: "Index",
  indexOption: (name, images) => `${name} (${images})`,
  title: (view, index) => `${view} · ${index} · likewise`,
  loading: "Loading…",
  again: "Try again",
  close: "Close",
  unknown: "unknown",
  noIndex: "No index is served",
  noIndexMore: "Start the server with an index: likewise serve INDEX.",
  startFailed: "The page could not be loaded",
  views: { search: "Search", map: "Map", marks: "Marks", reports: "Reports", health: "Health" },
  theme: { dark: "Dark colours", light: "Light colours" },
  kinds: { text: "text", number: "number", flag: "true or false" },
  problem: {
    offline: "The server does not answer. Check that likewise serve is running and try again.",
    status: (status) => `The server answered with status ${status}.`,
  },
  login: {
    title: "Access key",
    lead: "This server asks for a key. Your administrator makes one with “likewise keys new”.",
    key: "Key",
    send: "Sign in",
    out: "Sign out",
  },
  ask: {
    title: "Query",
    choose: "Choose pictures",
    camera: "Take a photo",
    drop: "Drop, paste or choose pictures",
    addTo: "Add to this query",
    address: "Address of an image",
    words: "Words",
    wordsExample: "red mug on a table",
    without: "Without",
    searchWords: "Search with these words",
    searchAddress: "Search with this address",
    change: "Change the query",
    clear: "New query",
    picture: "pasted picture",
    queryPicture: "Query picture",
    parts: "Pictures of this query",
    remove: (name) => `Remove ${name} from the query`,
    noPreview: "No preview",
    noImage: "That is not an image. Drop or paste a picture, for instance a JPEG or PNG file.",
    lost: "The picture of this query was not kept when the page was reloaded. Add it again.",
    already: "This image is an example already.",
    liked: "Added as an example of what you want.",
    unliked: "Added as an example of what you do not want.",
  },
  part: {
    title: "Search with",
    whole: "Everything",
    object: "Object",
    background: "Background",
    noMasks: "Object and background need a mask: start the server with --masks, or search with an image of an index that was built with masks.",
    by: { catalog: "mask of the catalog", model: "mask by the model" },
  },
  region: {
    draw: "Draw a box",
    move: "Edit the box",
    remove: "Remove the box",
    hint: "Drag on the picture to search with a part of it.",
    label: (region) =>
      `Search box: left, top, width and height are ${percents(region)} percent. Arrow keys move it, Shift and arrow keys resize it, Delete removes it.`,
  },
  facets: {
    panel: "Filters and threshold",
    title: "Filter",
    clear: "Clear filter",
    condition: "Condition",
    example: "label = 'mug' and height > 3",
    hint: "Press Enter to apply.",
    find: "Find a value",
    findIn: (name) => `Find a value of ${name}`,
    all: (values) => `Show all ${count(values)} values`,
    missing: "(no value)",
    none: "This index has no columns to filter by.",
    failed: "The filter could not be applied",
  },
  threshold: {
    title: "Same or not",
    slider: "Threshold distance",
    distance: "Threshold",
    wrong: "False matches",
    missed: "Misses",
    mixture: "The threshold holds for one picture. It does not apply to a mixed query or to words.",
    none: "No calibrated threshold. Run “likewise calibrate” to learn which distances count as the same.",
    reset: (calibrated) => `Back to the calibrated ${calibrated}`,
    spoken: (point) =>
      `Distance ${distance(point.distance)}, false matches ${percent(point.wrong)}, misses ${percent(point.missed)}`,
  },
  search: {
    side: "Query and filters",
    results: "Hits",
    searching: "Searching…",
    failed: "The search failed",
    group: "Group",
    ungrouped: "Every image",
    groupBy: (column) => `Best per ${column}`,
    compare: "Compare with",
    alone: "No other index",
    invite: "What does this look like?",
    inviteMore: (index) =>
      `Drop a picture anywhere on this page, paste one, or start from one of the ${count(index.images)} images of ${index.name}.`,
    examples: "Images of the index",
    askWith: (name) => `Search with ${name}`,
    lostTitle: "The picture is gone",
    noHits: "No image fits the filter.",
    end: "End of the hits",
    nothing: "Nothing like this here",
    closest: (closest, limit) =>
      `The closest image has distance ${closest}, but only distances up to ${limit} count as the same. The closest images are shown below.`,
    found: (hits, more) => `${hits}${more ? "+" : ""} ${hits === "1" ? "hit" : "hits"}`,
    same: (same, more) => `${count(same)}${more ? "+" : ""} ${same === 1 ? "image counts" : "images count"} as the same`,
    took: (answer, limit, share) => {
      const parts = [`${count(Math.round(answer.milliseconds))} ms`];
      const calibrated = answer.threshold && answer.threshold.distance === limit;
      if (answer.query.mask) parts.push(text.part.by[answer.query.mask]);
      if (limit !== null) parts.push(`threshold ${distance(limit)}`);
      if (calibrated && Number.isFinite(answer.threshold.false_match_rate)) {
        parts.push(`false matches ${share(answer.threshold.false_match_rate)}`, `misses ${share(answer.threshold.miss_rate)}`);
      }
      return parts.join(" · ");
    },
  },
  hit: {
    same: "Same",
    other: "Different",
    query: "Query image",
    noPicture: "Picture unavailable",
    next: "Search with this",
    more: "More like this",
    less: "Less like this",
    group: (images) => `${plural(images, "image", "images")}`,
    actions: (name) => `Actions for ${name}`,
    described: (hit, same, mark) => {
      const parts = [`Hit ${hit.rank}: ${hit.label || hit.id}`, `distance ${distance(hit.distance)}`];
      if (same !== null) parts.push(same ? "counts as the same" : "does not count as the same");
      if (mark) parts.push(`marked as ${mark}`);
      return `${parts.join(", ")}. Show why.`;
    },
  },
  compare: {
    title: (both, all) => `${count(both)} of ${count(all)} hits are found by both`,
    hint: "Badges mark hits that only one index finds and hits at another rank in the other index.",
    onlyHere: "Only here",
    there: (rank) => `#${rank} there`,
    list: (name) => `Hits of ${name}`,
    model: (index) => `${index.model?.name ?? "unknown model"} · ${count(index.images)} images`,
  },
  why: {
    loading: "Explaining…",
    failed: "The explanation failed",
    unavailable: "This server gives no explanations: the model of the index is not loaded.",
    distance: (value) => `distance ${value}`,
    previous: "Previous hit", following: "Next hit", query: "Query", hit: "Hit",
    heat: "Show evidence",
    strength: "Strength of the evidence overlay",
    numbers: "Show numbers",
    places: "Matching places",
    share: (share) => `${share} of the similarity`,
    holds: "The explanation holds.",
    holdsNot: "The explanation does not hold.",
    unchecked: "The explanation was not checked.",
    exact: "Exact: the parts add up to the distance.",
    traced: "Approximate: the model cannot be split into exact parts.",
    facts: "All properties",
  },
  mark: {
    title: "Marks",
    lead: "Hits that were marked as wrong or as duplicates. Export them as a catalog of pairs for training or calibration.",
    markWrong: "Mark as wrong",
    markDuplicate: "Mark as duplicate",
    wrong: "Wrong", duplicate: "Duplicate", you: "you",
    by: (who, when) => `Marked by ${who || "unknown"}, ${time(when)}`,
    saved: { wrong: "Marked as wrong.", duplicate: "Marked as a duplicate." },
    cleared: "The mark was removed.",
    clear: (id) => `Remove the mark of ${id}`,
    uploaded: "uploaded picture",
    columns: ["Query", "Hit", "Id", "Mark", "By", "Remove"],
    export: "Export pairs (CSV)",
    none: "Nothing is marked yet",
    noneMore: "Open a hit and choose “Mark as wrong” or “Mark as duplicate”.",
    failed: "The marks could not be read",
  },
  map: {
    title: "Map",
    loading: "Computing the map…",
    loadingUmap: "Computing the map. UMAP takes minutes for a large index, once per version of it.",
    cancel: "Cancel",
    cancelled: "The computation was cancelled.",
    changing: "The index changed while its map was computed. Try again later, or use PCA.",
    failed: "The map could not be made",
    empty: "No images",
    emptyMore: "No image fits the filter.",
    color: "Colour",
    noColor: "None",
    method: "Method",
    legend: "Colours",
    others: "Other values",
    show: (name) => `Show ${name}`,
    selectAll: (name) => `Select all images of ${name}`,
    selectView: "Select what is in view",
    clear: "Clear selection",
    lasso: "Lasso: drag around images to select them",
    zoomIn: "Zoom in", zoomOut: "Zoom out", home: "Show all",
    help: "Drag to move, scroll to zoom, hold Shift and drag to select. Keys: arrows, +, − and 0.",
    described: (images, index) => `Map of ${images} images of ${index}. Similar images lie close together.`,
    variance: (share) => `The two axes show ${share} of the variance.`,
    umapNote: "UMAP keeps neighbours together; distances between groups have no meaning.",
    selection: "Selection",
    selectHint: "Select images with the lasso, a colour of the legend, or “Select what is in view”.",
    selected: (images) => `${images} selected`,
    download: "Download CSV",
    asFilter: "Use as filter",
    duplicates: "Find near-duplicates",
    tooMany: "The selection is too large for a filter. Select fewer images, or download them as CSV.",
    tooManyPairs: (most) => `Near-duplicates are searched among at most ${count(most)} images. Select fewer.`,
    comparing: "Comparing…",
    compared: (done, images) => `Comparing… ${done} of ${images} images`,
    pairsFailed: "The comparison failed",
    pairs: (pairs, more, limit) =>
      limit && !more ? `${plural(pairs, "pair", "pairs")} within distance ${limit}, closest first` : `The ${plural(pairs, "closest pair", "closest pairs")}`,
    noPairs: (limit) => `No pair within distance ${limit}`,
    markPair: (one, other) => `Mark ${one} and ${other} as duplicates`,
  },
  reports: {
    title: "Reports",
    lead: "Audits of the model: what it looks at, and whether its similarity can be trusted.",
    none: "No reports",
    empty: "The folder of reports holds no page yet: write one with likewise audit … --out FOLDER/NAME.html.",
    noFolder: "Start the server with the option --reports FOLDER to show the pages that the audits wrote.",
    failed: "The reports could not be listed",
    open: "Open in a new tab",
  },
  health: {
    title: "Health of the index",
    problem: "Queries with new pictures are not possible",
    images: "Images",
    masks: "Images with a mask",
    model: "Model",
    fingerprint: "Fingerprint",
    runtime: "Runtime",
    text: "Search by words",
    hasText: "yes",
    noText: "no: the model has no text encoder",
    dimension: "Dimensions",
    metric: "Distance",
    threshold: "Threshold",
    noThreshold: "not calibrated",
    changed: "Last change",
    version: "likewise",
    recall: "Recall of the approximate search",
    recallMore: "Share of the true nearest neighbours that the approximate search finds, measured on a sample.",
    measure: "Measure now",
    measuring: "Measuring…",
    measured: (share, { k, queries }) =>
      `${share}${k ? ` of the ${count(k)} nearest` : ""}${queries ? `, measured with ${plural(queries, "query", "queries")}` : ""}`,
    exact: "Every search of this index is exact. An approximate index is built with likewise index build --approximate-recall.",
    failed: "Not measured",
    columns: "Columns",
    columnHeads: ["Column", "Kind", "Values"],
  },
};
