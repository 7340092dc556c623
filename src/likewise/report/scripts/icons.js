// Icons of 24 x 24, drawn with one stroke. They are decoration: the text or the label of a button names it.

const PATHS = {
  search: "M11 4a7 7 0 1 0 0 14a7 7 0 0 0 0-14zM20 20l-4-4",
  map: "M3 6l6-3l6 3l6-3v15l-6 3l-6-3l-6 3zM9 3v15M15 6v15",
  flag: "M5 21V4M5 4h12l-2 4l2 4H5",
  report: "M6 3h9l4 4v14H6zM9 12h6M9 16h6M9 8h3",
  pulse: "M3 12h4l3-7l4 14l3-7h4",
  upload: "M12 16V4M7 9l5-5l5 5M4 20h16",
  camera: "M4 8h4l2-3h4l2 3h4v11H4zM12 10a3.5 3.5 0 1 0 0 7a3.5 3.5 0 0 0 0-7z",
  link: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  wrong: "M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18zM9 9l6 6M15 9l-6 6",
  check: "M5 13l4 4L19 7",
  crop: "M7 3v14h14M3 7h14v14",
  undo: "M9 7L4 12l5 5M4 12h11a5 5 0 0 1 0 10h-2",
  left: "M15 5l-7 7l7 7",
  right: "M9 5l7 7l-7 7",
  lasso: "M12 4c5 0 9 2.500 9 6s-4 6-9 6s-9-2.500-9-6s4-6 9-6zM7 15.500c-1 2 0 4 1.500 4.500",
  sun: "M12 8a4 4 0 1 0 0 8a4 4 0 0 0 0-8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2",
  moon: "M20 14A8 8 0 0 1 10 4a8 8 0 1 0 10 10z",
  download: "M12 4v12M7 11l5 5l5-5M4 20h16",
  filter: "M4 5h16l-6 8v6l-4-2v-4z",
  why: "M9.500 9a2.500 2.500 0 1 1 3.500 2.300c-.7.300-1 .9-1 1.700M12 17h.01M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18z",
  key: "M15 4a5 5 0 1 0 0 10a5 5 0 0 0 0-10zM11 13l-8 8M6 18l2 2",
};

export function icon(name) {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  drawing.append(path);
  return drawing;
}
