// How the answer changes along one feature, the others held: a curve for each class or value.
import { color } from "./bars.js";
import { h, put, s } from "./dom.js";
import { number, text } from "./service.js";

const WIDTH = 340;
const HEIGHT = 150;
const EDGE = { left: 40, right: 10, top: 10, bottom: 24 };
const MOST_LINES = 8;

// Show the answers along a feature; now is its present value, range where it was in training.
export function showWhatIf(place, { feature, values, predictions }, { now, range }) {
  const lines = linesOf(predictions);
  if (lines.length === 0 || values.length === 0) return put(place);
  const isNumeric = values.every((value) => typeof value === "number");
  const across = isNumeric ? numeric(values) : even(values.length);
  const numbers = lines.flatMap(({ points }) => points);
  const isShare = lines[0].isShare;
  const up = scale(isShare ? 0 : Math.min(...numbers), isShare ? 1 : Math.max(...numbers), HEIGHT - EDGE.bottom, EDGE.top);
  const position = isNumeric ? (typeof now === "number" ? across(now) : null) : at(values, now, across);
  const drawing = s(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "curve", role: "img", "aria-label": describe(feature, values, lines) },
    isNumeric && range ? outside(across, values, range) : null,
    axes(up, isShare, numbers),
    labels(values, isNumeric, across),
    lines.map((line) => path(line, values, isNumeric, across, up)),
    position === null ? null : s("line", { class: "now", x1: position, x2: position, y1: EDGE.top, y2: HEIGHT - EDGE.bottom }),
  );
  const legend = lines.length > 1 ? h("p", { class: "legend" }, ...lines.map(sign)) : null;
  put(place, h("h2", {}, text("along", { feature })), drawing, legend);
}

function linesOf(predictions) {
  const [first] = predictions;
  if (!first) return [];
  if (typeof first.value === "number") return [{ name: "", css: "c0", points: predictions.map(({ value }) => value) }];
  const table = ["probabilities", "scores", "values", "distances"].find((key) => first[key]);
  if (table === undefined || first.labels) return [];
  const names = Object.keys(first[table]);
  const isShare = table === "probabilities";
  const line = (name) => ({
    name,
    css: color(name, names),
    isShare,
    points: predictions.map((one) => one[table][name] ?? 0),
  });
  const height = (name) => Math.max(...predictions.map((one) => one[table][name] ?? 0));
  const drawn = names.length <= MOST_LINES ? names : [...names].sort((a, b) => height(b) - height(a)).slice(0, MOST_LINES);
  return drawn.map(line);
}

const scale = (from, to, begin, end) => (value) =>
  from === to ? (begin + end) / 2 : begin + ((value - from) / (to - from)) * (end - begin);

const numeric = (values) => {
  const inside = scale(Math.min(...values), Math.max(...values), EDGE.left, WIDTH - EDGE.right);
  return (value) => Math.min(Math.max(inside(value), EDGE.left), WIDTH - EDGE.right);
};

const even = (count) => scale(-0.5, count - 0.5, EDGE.left, WIDTH - EDGE.right);

function at(values, now, across) {
  const index = values.indexOf(now);
  return index < 0 ? null : across(index);
}

function path({ css, points }, values, isNumeric, across, up) {
  const places = points.map((value, index) => [across(isNumeric ? values[index] : index), up(value)]);
  if (!isNumeric) return places.map(([x, y]) => s("circle", { class: css, cx: x, cy: y, r: 5 }));
  const steps = places.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`);
  return s("path", { class: css, d: steps.join("") });
}

function outside(across, values, [least, most]) {
  const [begin, end] = [Math.min(...values), Math.max(...values)];
  const band = (from, to) => s("rect", { class: "beyond", x: from, y: EDGE.top, width: Math.max(to - from, 0), height: HEIGHT - EDGE.top - EDGE.bottom });
  return [band(across(begin), across(least)), band(across(most), across(end))];
}

function axes(up, isShare, numbers) {
  const marks = isShare ? [0, 0.5, 1] : [Math.min(...numbers), Math.max(...numbers)];
  return [...new Set(marks)].flatMap((mark) => [
    s("line", { class: "grid", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: up(mark), y2: up(mark) }),
    s("text", { x: EDGE.left - 6, y: up(mark) + 4, "text-anchor": "end" }, number(mark, 3)),
  ]);
}

function labels(values, isNumeric, across) {
  const y = HEIGHT - 6;
  if (isNumeric) {
    const ends = [Math.min(...values), Math.max(...values)];
    return [
      s("text", { x: EDGE.left, y, "text-anchor": "start" }, number(ends[0], 4)),
      s("text", { x: WIDTH - EDGE.right, y, "text-anchor": "end" }, number(ends[1], 4)),
    ];
  }
  const every = Math.ceil(values.length / 6);
  return values.map((value, index) =>
    index % every ? null : s("text", { x: across(index), y, "text-anchor": "middle" }, shorten(`${value}`)),
  ).filter((label) => label !== null);
}

const shorten = (name) => (name.length > 11 ? `${name.slice(0, 10)}…` : name);

const sign = ({ name, css }) => h("span", { class: css }, h("span", { class: "dot", "aria-hidden": "true" }), name);

// What a screen reader says instead of the drawing: where each line begins and ends.
function describe(feature, values, lines) {
  const ends = lines.map(({ name, points }) => `${name} ${number(points[0], 3)} – ${number(points.at(-1), 3)}`);
  return `${text("along", { feature })}: ${values[0]} – ${values.at(-1)}; ${ends.join("; ")}`;
}
