// What the model serves now: fetched every few seconds while the panel is shown.
//
// Each section of the panel has a function here, by its id.
import { showDrift } from "./drift.js";
import { ask, read, text } from "./service.js";
import { showTraffic } from "./traffic.js";
import { showTruth } from "./truth.js";

const EVERY_MS = 5000;

const SECTIONS = { "live-traffic": showTraffic, "live-truth": showTruth, "live-drift": showDrift };

let timer = null;
let followed = null; // the panel that is filled

// Fill the panel while it is shown; of another panel, nothing is left running.
export function start(panel) {
  clearTimeout(timer);
  followed = panel;
  tick(panel);
}

// A panel that was replaced while it loaded must not stop the timer of its successor.
async function tick(panel) {
  if (!panel.hidden && document.visibilityState === "visible") await load(panel);
  if (panel !== followed || !panel.isConnected) return;
  clearTimeout(timer);
  timer = setTimeout(tick, EVERY_MS, panel);
}

function load(panel) {
  const get = documents(panel.dataset.model);
  const sections = Object.entries(SECTIONS).map(([id, show]) => [panel.querySelector(`#${id}`), show]);
  return Promise.all(sections.map(([section, show]) => section && fill(section, show, get)));
}

async function fill(section, show, get) {
  const state = section.querySelector(".state");
  try {
    await show(section, get);
  } catch (error) {
    state.textContent = error instanceof TypeError ? text("unreachable") : error.message;
  }
  if (state !== null) state.hidden = state.textContent === "";
}

// Get documents about a model, each once however many sections show it.
function documents(model) {
  const known = new Map();
  const load = async (name) => {
    const path = `/models/${encodeURIComponent(model)}/${name}`;
    const answer = await ask(path, { headers: { Accept: "application/json" } });
    const document = read(await answer.text());
    if (!answer.ok) throw new Error(document.detail ?? `${answer.status}`);
    return document;
  };
  return (name) => {
    if (!known.has(name)) known.set(name, load(name));
    return known.get(name);
  };
}
