"use strict";
const letters = new Intl.Collator("en", { numeric: true });

function keyOf(cell) {
  if (cell.classList.contains("nothing")) return null;
  return "value" in cell.dataset ? Number(cell.dataset.value) : cell.textContent;
}

function compare(one, other) {
  return typeof one === "number" ? (one > other) - (one < other) : letters.compare(one, other);
}

function sort(body, column, ascending) {
  const keyed = Array.from(body.rows, row => ({ row, key: keyOf(row.cells[column]) }));
  keyed.sort((a, b) => {
    if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
    return ascending ? compare(a.key, b.key) : compare(b.key, a.key);
  });
  for (const { row } of keyed) body.append(row);
}

function chosen(table, head) {
  const first = head.matches(".number, .whole") ? "descending" : "ascending";
  const other = { ascending: "descending", descending: "ascending" };
  const way = other[head.ariaSort] ?? first;
  for (const one of table.tHead.rows[0].cells) one.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", way);
  sort(table.tBodies[0], head.cellIndex, way === "ascending");
}

function withButton(table, head) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  if (!button.textContent) button.ariaLabel = "sort";
  button.addEventListener("click", () => chosen(table, head));
  head.append(button);
}

for (const table of document.querySelectorAll(".lookalike table")) {
  if (table.tBodies[0].rows.length < 2) continue;
  for (const head of table.tHead.rows[0].cells) {
    if (!head.classList.contains("picture")) withButton(table, head);
  }
}
