// How the answers of each version agree with the truth, beside the figures on held-out rows.
import { put } from "./dom.js";
import { number, percent, text } from "./service.js";
import { table } from "./table.js";

// Fill the section; get returns a document about the model.
export async function showTruth(section, get) {
  const { logged, versions } = await get("live");
  const lines = versions.flatMap(describe);
  const hasTruth = versions.some(({ windows }) => windows.length > 0);
  const state = logged ? (hasTruth ? text("log_on") : text("no_truth")) : text("log_off");
  put(section.querySelector(".state"), state);
  const metrics = METRICS.filter(([key]) => lines.some(([, , scores]) => scores[key] != null));
  const heads = [text("version"), text("data"), text("rows"), ...metrics.map(([, name]) => name())];
  const rows = lines.map(([version, data, scores]) => [
    String(version),
    data,
    number(scores.rows, 15),
    ...metrics.map(([key, , write]) => (scores[key] == null ? "-" : write(scores[key]))),
  ]);
  const isShown = hasTruth && metrics.length > 0;
  put(section.querySelector("#truth-table"), isShown ? table("truth-rows", text("by_version"), heads, rows) : null);
}

const METRICS = [
  ["accuracy", () => text("accuracy"), percent],
  ["macro_f1", () => text("macro_f1"), percent],
  ["mean_absolute_error", () => text("mean_absolute_error"), number],
  ["root_mean_squared_error", () => text("root_mean_squared_error"), number],
];

// The lines of a version. Windows with the same rows are the same.
function describe({ version, held_out, windows }) {
  const lines = held_out === null ? [] : [[version, text("held_out"), held_out]];
  const counts = windows.map(({ rows }) => rows);
  const different = windows.filter(({ rows }, place) => counts.indexOf(rows) === place);
  return [...lines, ...different.map((one) => [version, text("latest", { count: number(one.latest, 9) }), one])];
}
