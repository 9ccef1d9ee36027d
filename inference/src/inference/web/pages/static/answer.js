// An answer of any kind of model: label, probabilities, values, distances, or anything else.
import { showBars } from "./bars.js";
import { h, put } from "./dom.js";
import { number, percent, text } from "./service.js";

const TABLES = ["probabilities", "scores", "values", "distances"];
const KNOWN = new Set([...TABLES, "model", "version", "label", "labels", "value", "vector", "score"]);
const AROUND = new Set(["warnings", "explanation", "interval", "intervals", "label_set"]);

// Show an answer in a place; the bars in it are kept while the kind stays the same.
export function showAnswer(place, answer) {
  const parts = describe(answer);
  const kinds = parts.map(({ kind }) => kind).join();
  if (place.dataset.kinds !== kinds) {
    place.dataset.kinds = kinds;
    put(place, ...parts.map(({ tag = "div", kind }) => h(tag, { class: kind.split(" ")[0] })));
  }
  parts.forEach(({ show }, index) => show(place.children[index]));
}

// The key of a label, among all keys; null if there is none. The class 1.0 has the key "1.0", and is
// the number 1 here.
export const keyOf = (label, keys) =>
  keys.find((key) => key === `${label}`) ??
  keys.find((key) => typeof label === "number" && Number(key) === label) ??
  null;

function describe(answer) {
  const parts = [];
  const say = (kind, words) =>
    parts.push({ kind, show: (place) => place.textContent !== words && (place.textContent = words) });
  if (answer.label !== undefined) say("verdict", `${answer.label}`);
  if (answer.value !== undefined) say("verdict", write(answer.value));
  if (answer.interval) say("sure", between(answer.interval));
  for (const [target, interval] of Object.entries(answer.intervals ?? {})) {
    say("sure", `${target}: ${between(interval)}`);
  }
  if (answer.label_set) say("sure", among(answer.label_set));
  if (answer.score !== undefined) say("sure", text("score", { score: write(answer.score) }));
  if (answer.labels !== undefined) parts.push(...describeTargets(answer));
  else for (const table of TABLES) if (answer[table]) parts.push(bars(table, answer[table], answer));
  if (answer.vector) parts.push(bars("vector", { ...answer.vector }, answer));
  const others = Object.entries(answer).filter(([key]) => !KNOWN.has(key) && !AROUND.has(key));
  if (others.length) {
    parts.push({ kind: "others", tag: "pre", show: (place) => (place.textContent = pretty(others)) });
  }
  for (const warning of answer.warnings ?? []) say("caution", `${warning.feature}: ${warning.reason}`);
  return parts;
}

function bars(table, values, answer) {
  const names = Object.keys(values);
  const options = { isShare: table === "probabilities", best: keyOf(answer.label, names) };
  if (table !== "vector") options.names = names;
  return { kind: `bars ${table}`, show: (place) => showBars(place, values, options) };
}

// Several labels: one title and one group of bars for each target.
function describeTargets({ labels, probabilities }) {
  return Object.entries(labels).flatMap(([target, label]) => {
    const words = `${target}: ${label}`;
    const title = { kind: `target ${target}`, tag: "h3", show: (place) => (place.textContent = words) };
    if (!probabilities || !Object.hasOwn(probabilities, target)) return [title];
    const values = probabilities[target];
    if (!values || typeof values !== "object") return [title];
    const names = Object.keys(values);
    const options = { isShare: true, best: keyOf(label, names), names };
    return [title, { kind: `bars ${target}`, show: (place) => showBars(place, values, options) }];
  });
}

const among = (labels) =>
  labels.length ? text("label_set", { labels: labels.join(", ") }) : text("no_label");

function between(interval) {
  const [least, most, coverage] = Array.isArray(interval)
    ? interval
    : [interval.lower ?? interval.low, interval.upper ?? interval.high, interval.coverage];
  if (typeof least !== "number" || typeof most !== "number") return pretty(interval);
  const words = text("interval", { least: write(least), most: write(most) });
  return typeof coverage === "number" ? `${words} (${percent(coverage)})` : words;
}

const write = (value) => (typeof value === "number" ? number(value, 5) : `${value}`);

const pretty = (entries) => JSON.stringify(Array.isArray(entries) ? Object.fromEntries(entries) : entries, null, 2);
