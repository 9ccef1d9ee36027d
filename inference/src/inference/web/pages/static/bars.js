// Numbers by name as horizontal bars that keep their elements, so that they move.
import { h, put } from "./dom.js";
import { number, percent, text } from "./service.js";

const MOST = 12;

// Show probabilities (from 0 to 1) or other numbers by name.
export function showBars(place, values, { isShare, best = null, names = null }) {
  const entries = choose(Object.entries(values), best);
  const keys = entries.map(([name]) => name).join("\n");
  if (place.dataset.keys !== keys) {
    place.dataset.keys = keys;
    put(place, ...entries.map(([name]) => row(name, color(name, names))), rest(values, entries));
  }
  const largest = isShare ? 1 : Math.max(...entries.map(([, value]) => Math.abs(value ?? 0)), 1e-300);
  entries.forEach(([name, value], index) => {
    const element = place.children[index];
    const share = Math.min(Math.abs(value ?? 0) / largest, 1);
    element.querySelector(".bar").style.setProperty("--share", share);
    element.querySelector(".amount").textContent = write(value, isShare);
    element.classList.toggle("best", name === best);
  });
}

// Of many names only the largest values; of few, all in the model's order.
function choose(entries, best) {
  if (entries.length <= MOST) return entries;
  const sorted = [...entries].sort(([, a], [, b]) => (b ?? 0) - (a ?? 0)).slice(0, MOST);
  const isThere = best === null || sorted.some(([name]) => name === best);
  return isThere ? sorted : [...sorted.slice(1), entries.find(([name]) => name === best)];
}

function row(name, colorName) {
  return h(
    "div",
    { class: `row ${colorName}` },
    h("span", { class: "name" }, name),
    h("span", { class: "groove", "aria-hidden": "true" }, h("span", { class: "bar" })),
    h("span", { class: "amount" }),
  );
}

function rest(values, entries) {
  const count = Object.keys(values).length - entries.length;
  return count > 0 ? h("p", { class: "hint" }, text("more", { count })) : null;
}

export const color = (name, names) => (names ? `c${Math.max(names.indexOf(name), 0) % 8}` : "c0");

function write(value, isShare) {
  if (typeof value !== "number") return "-";
  return isShare ? percent(value) : number(value);
}
