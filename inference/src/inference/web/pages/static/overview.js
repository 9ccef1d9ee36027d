// The page of all models: the figures of the traffic, and the field to find a model.
import { duration, number, text } from "./service.js";

const CARDS = "#models > [data-model]";

let traffic = {};

export function start(main) {
  const field = main.querySelector("#find-field");
  field?.addEventListener("input", () => filter(main));
  traffic = {};
}

// Show figures: by model, the requests a second and the p99 in milliseconds.
export function showTraffic(main, figures) {
  traffic = figures;
  for (const card of main.querySelectorAll(CARDS)) showFigures(card);
}

// After parts of the page have been replaced.
export function complete(main, fresh) {
  for (const card of fresh) if (card.matches(CARDS)) showFigures(card);
  const find = main.querySelector("#find");
  if (find) find.hidden = main.querySelectorAll(CARDS).length < 8;
  filter(main);
}

function showFigures(card) {
  const { model } = card.dataset;
  const [rate, p99] = Object.hasOwn(traffic, model) ? traffic[model] : [0, null];
  put(card, "rate", rate === 0 ? "0" : number(rate, 2));
  put(card, "p99", p99 === null ? "-" : duration(p99));
}

function put(card, name, value) {
  const figure = card.querySelector(`[data-figure=${name}]`);
  if (figure && figure.textContent !== value) figure.textContent = value;
}

function filter(main) {
  const wanted = main.querySelector("#find-field")?.value.trim().toLowerCase() ?? "";
  for (const card of main.querySelectorAll(CARDS)) {
    card.hidden = !card.dataset.model.includes(wanted);
  }
}

export function showState(state) {
  const mark = document.getElementById("live");
  mark.dataset.state = state;
  mark.textContent = text(state === "on" ? "live" : "reconnecting");
}
