"use strict";
// Sorts tables by a column, closes large pictures with Escape, and opens what is closed before printing. The page is whole without it.
for (const table of document.querySelectorAll("table.sortable")) {
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === (head.className === "number" ? "descending" : "ascending");
      const sign = (head.className === "number") === down ? 1 : -1;
      for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const body = table.tBodies[0];
      const key = (row) => row.cells[column].dataset.value;
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x !== undefined && y !== undefined) return sign * (Number(x) - Number(y));
        if (x !== undefined || y !== undefined) return x !== undefined ? -1 : 1;
        return sign * a.cells[column].textContent.localeCompare(b.cells[column].textContent, undefined, { numeric: true });
      });
      body.append(...rows);
    });
  });
}
addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const open of document.querySelectorAll(".zoom[open]")) open.open = false;
});
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details:not(.zoom)")) part.open = true;
});
