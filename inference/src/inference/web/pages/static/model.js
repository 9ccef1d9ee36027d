// The page of one model: its tabs, and what the buttons do.
import { announce, send, text } from "./service.js";
import { Trial } from "./trial.js";
import * as live from "./live.js";
import * as usage from "./usage.js";
import * as versions from "./versions.js";

let trial = null;

export function start(main) {
  trial = null;
  const tabs = [...main.querySelectorAll("[role=tab]")];
  if (tabs.length === 0) return;
  const choose = (tab) => tabs.forEach((one) => show(one, one === tab));
  const named = () => tabs.find((tab) => tab.hash === location.hash) ?? tabs[0];
  choose(named());
  for (const tab of tabs) {
    tab.addEventListener("click", (event) => {
      event.preventDefault();
      history.replaceState(null, "", tab.hash);
      choose(tab);
    });
  }
  main.querySelector("[role=tablist]").addEventListener("keydown", (event) => {
    const next = neighbor(tabs, event.key);
    if (next === undefined) return;
    event.preventDefault();
    next.focus();
    next.click();
  });
  main.addEventListener("click", act);
  usage.start(main.querySelector("#panel-use"));
}

// After parts of the page have been replaced.
export function complete(main, fresh) {
  for (const panel of fresh.filter((part) => part.matches("[role=tabpanel]"))) {
    const tab = main.querySelector(`#tab-${panel.id.slice("panel-".length)}`);
    show(tab, tab.getAttribute("aria-selected") === "true");
    if (panel.id === "panel-use") usage.start(panel);
  }
}

// A trial sends a request that counts as any other, so that it begins only when it is shown.
function startTrial(panel) {
  if (trial?.panel !== panel && panel.querySelector("#record")) trial = new Trial(panel, trial);
}

function show(tab, isChosen) {
  tab.setAttribute("aria-selected", isChosen);
  tab.tabIndex = isChosen ? 0 : -1;
  const panel = document.getElementById(tab.getAttribute("aria-controls"));
  panel.hidden = !isChosen;
  if (isChosen && panel.id === "panel-live") live.start(panel);
  if (isChosen && panel.id === "panel-try") startTrial(panel);
}

function neighbor(tabs, key) {
  const index = tabs.indexOf(document.activeElement);
  const steps = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: tabs.length - 1 };
  return index < 0 || !(key in steps) ? undefined : tabs[(steps[key] + tabs.length) % tabs.length];
}

function act({ target }) {
  if (target.id === "select") select(target);
  else if (target.dataset.pin) versions.pin(target, target.closest("[role=tabpanel]"));
  else if (target.id === "end-traffic") versions.endTraffic(target, target.closest("[role=tabpanel]"));
  else if (target.dataset.copy) usage.copy(target);
}

async function select(target) {
  target.disabled = true;
  const name = target.dataset.model;
  try {
    await send("POST", `/select-model/?model=${encodeURIComponent(name)}`);
    announce(text("selected", { name }));
    target.remove(); // the mark follows with the page's next event
  } catch (error) {
    target.disabled = false;
    fail(target, error.status === undefined ? text("unreachable") : error.message);
  }
}

// Say beside a button why what it does has not been done.
function fail(button, message) {
  const place = button.parentElement.querySelector(".wrong") ?? document.createElement("p");
  place.className = "wrong";
  place.setAttribute("role", "alert");
  place.textContent = message;
  button.after(place);
}
