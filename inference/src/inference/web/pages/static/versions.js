// Pin a version or roll back: a button asks once, in its own place, and then does it.
import { announce, send, text } from "./service.js";

const ASK_MS = 6000;

// Act on a click within the panel of the versions.
export async function act(button, panel) {
  if (button.dataset.asks === undefined) {
    prompt(button);
    return;
  }
  const name = panel.dataset.model;
  const { pin } = button.dataset;
  settle(button);
  button.disabled = true;
  const place = panel.querySelector("#versions-problem");
  place.hidden = true;
  try {
    const version = pin === "latest" ? pin : Number(pin);
    const answer = await send("PUT", `/models/${encodeURIComponent(name)}/active`, { version });
    announce(text("activated", { name, version: answer.active_version }));
  } catch (error) {
    place.textContent = error.status === undefined ? text("unreachable") : error.message;
    place.hidden = false;
  }
  button.disabled = false; // the table follows with the page's next event
}

// Put the question in the button's place; without an answer it goes back.
function prompt(button) {
  button.dataset.asks = button.textContent;
  button.dataset.label = button.getAttribute("aria-label") ?? "";
  button.textContent = button.dataset.question;
  button.setAttribute("aria-label", button.dataset.question);
  button.classList.add("asks");
  announce(button.dataset.question);
  const timer = setTimeout(() => settle(button), ASK_MS);
  button.addEventListener("blur", () => (clearTimeout(timer), settle(button)), { once: true });
}

function settle(button) {
  if (button.dataset.asks === undefined) return;
  button.textContent = button.dataset.asks;
  if (button.dataset.label) button.setAttribute("aria-label", button.dataset.label);
  else button.removeAttribute("aria-label");
  button.classList.remove("asks");
  delete button.dataset.asks;
}
