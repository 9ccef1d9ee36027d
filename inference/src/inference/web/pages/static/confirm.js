// A button that asks once, in its own place, before it does something.
import { announce, text } from "./service.js";

const ASK_MS = 20_000; // enough for someone who reads or moves slowly (WCAG 2.2.1)

// Ask with the first click and call the function with the next. place says what went wrong.
export async function confirm(button, place, act) {
  if (button.dataset.asks === undefined) {
    prompt(button);
    return;
  }
  settle(button);
  button.disabled = true;
  place.hidden = true;
  try {
    await act();
  } catch (error) {
    place.textContent = error.status === undefined ? text("unreachable") : error.message;
    place.hidden = false;
  }
  button.disabled = false; // the page follows with its next event
}

// Ask on where the page has been replaced between the two clicks, if it is the same question.
export function askOn(before, button) {
  if (button?.dataset.question === before.dataset.question) prompt(button, before.dataset.until);
}

// Put the question in the button's place; without an answer it goes back.
function prompt(button, until = Date.now() + ASK_MS) {
  button.dataset.until = until;
  button.dataset.asks = button.textContent;
  button.dataset.label = button.getAttribute("aria-label") ?? "";
  button.textContent = button.dataset.question;
  button.setAttribute("aria-label", button.dataset.question);
  button.classList.add("asks");
  announce(button.dataset.question);
  const timer = setTimeout(() => settle(button), until - Date.now());
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
