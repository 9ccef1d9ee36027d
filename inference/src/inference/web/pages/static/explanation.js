// Why an answer is what it is: the contribution of each feature, as bars to both sides of a line.
import { keyOf } from "./answer.js";
import { h, put } from "./dom.js";
import { number, text } from "./service.js";

const MOST = 12;

// Less than this share of the largest contribution, or of the base, is an error of rounding.
const NOISE = 1e-9;
const ROUNDING = 1e-14;

// Of an answer that is not a number, such as infinity, no contribution is one.
const write = (value, digits) => (Number.isNaN(value) ? "-" : number(value, digits));

// Show an explanation for one label, or for one of several values.
//
// label is what was answered; chosen is the key that a person has chosen instead, or null. When the
// person chooses, choose is called with the key.
export function showExplanation(place, explanation, { label, chosen, choose }) {
  const { contributions, base, method } = explanation;
  const outputs = base !== null && typeof base === "object" ? Object.keys(base) : null;
  const shown = outputs === null ? null : [chosen, keyOf(label, outputs), outputs[0]].find((one) => outputs.includes(one));
  const pick = (value) => (shown === null ? value : value?.[shown]);
  const amounts = Object.values(contributions).map((value) => Math.abs(pick(value) ?? 0));
  const noise = Math.max(NOISE * Math.max(...amounts, 0), ROUNDING * Math.abs(pick(base) ?? 0));
  const clean = (value) => (Math.abs(value) < noise ? 0 : value);
  const all = Object.entries(contributions).map(([name, value]) => [name, clean(pick(value) ?? NaN)]);
  const size = (value) => (Number.isNaN(value) ? Infinity : Math.abs(value));
  const entries = all.sort(([, a], [, b]) => size(b) - size(a) || 0).slice(0, MOST);
  const largest = Math.max(...entries.map(([, value]) => Math.abs(value || 0)), 1e-12);
  const total = all.reduce((sum, [, value]) => sum + value, pick(base) ?? NaN);
  put(
    place,
    h("h2", {}, text("why")),
    outputs !== null && outputs.length > 1 ? chooser(outputs, shown, choose) : null,
    h("p", { class: "hint" }, text("from_base", { base: number(pick(base), 3), total: write(total, 3) })),
    entries.map(([name, value]) => row(name, value, largest)),
    all.length > MOST ? h("p", { class: "hint" }, text("more", { count: all.length - MOST })) : null,
    method === "sampled" ? h("p", { class: "hint" }, text("sampled")) : null,
  );
}

function chooser(outputs, shown, choose) {
  const options = outputs.map((one) => h("option", { value: one, selected: one === shown }, one));
  const field = h("select", { id: "explained" }, ...options);
  field.addEventListener("change", () => choose(field.value));
  return h("p", { class: "chooser" }, h("label", { for: "explained" }, text("explained")), field);
}

function row(name, value, largest) {
  const bar = h("span", { class: value < 0 ? "bar minus" : "bar plus" });
  bar.style.setProperty("--share", Math.abs(value || 0) / largest);
  const sign = value > 0 ? "+" : "";
  return h(
    "div",
    { class: "row contribution" },
    h("span", { class: "name" }, name),
    h("span", { class: "groove", "aria-hidden": "true" }, bar),
    h("span", { class: "amount" }, `${sign}${write(value, 2)}`),
  );
}
