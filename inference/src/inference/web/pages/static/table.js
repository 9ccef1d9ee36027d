// A table that the keyboard can scroll. The first cell of a row is its head.
import { h } from "./dom.js";

export const table = (id, label, heads, rows) =>
  h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": label, id },
    h(
      "table",
      {},
      h("caption", {}, label),
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, rows.map(([head, ...cells]) => row(head, cells))),
    ),
  );

const row = (head, cells) =>
  h("tr", {}, h("th", { scope: "row" }, head), cells.map((cell) => h("td", {}, cell)));
