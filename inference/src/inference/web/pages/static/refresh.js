// Bring a page that is open up to what the service would show now, and leave alone what is the same.
//
// The server marks parts with data-live, and lists of parts with data-live-list. A part has an id.
import { askOn } from "./confirm.js";
import { announce, text } from "./service.js";

const sources = new Map(); // by id: the part as the server has sent it

const parts = (page) => [...page.querySelectorAll("[data-live], [data-live-list] > *")];

// Remember the parts of a page before modules change them.
export function remember(page) {
  sources.clear();
  for (const part of parts(page)) sources.set(part.id, part.outerHTML);
}

// Take over the parts of the page as it is now. Returns the parts that are new here.
export function update(main, next) {
  const fresh = [];
  for (const list of next.querySelectorAll("[data-live-list]")) {
    updateList(document.getElementById(list.id), list, fresh);
  }
  for (const part of next.querySelectorAll("[data-live]")) {
    const shown = document.getElementById(part.id);
    if (shown !== null && sources.get(part.id) !== part.outerHTML) fresh.push(replace(shown, part));
  }
  main.dataset.texts = next.dataset.texts;
  return fresh;
}

function updateList(list, next, fresh) {
  const wanted = new Set([...next.children].map((part) => part.id));
  for (const part of [...list.children]) {
    if (wanted.has(part.id)) continue;
    announce(text("removed", { name: part.dataset.model }));
    sources.delete(part.id);
    part.remove();
  }
  let place = null;
  for (const part of [...next.children]) {
    let shown = document.getElementById(part.id);
    if (shown === null) {
      shown = insert(list, part, place);
      fresh.push(shown);
    } else if (sources.get(part.id) !== part.outerHTML) {
      shown = replace(shown, part);
      announce(text("changed", { name: shown.dataset.model }));
      fresh.push(shown);
    }
    place = shown;
  }
}

function insert(list, part, place) {
  sources.set(part.id, part.outerHTML);
  const shown = document.importNode(part, true);
  shown.classList.add("fresh");
  if (place === null) list.prepend(shown);
  else place.after(shown);
  announce(text("appeared", { name: shown.dataset.model }));
  return shown;
}

// Replace a part, and keep the keyboard's place in it and a question that waits for an answer.
function replace(shown, part) {
  sources.set(part.id, part.outerHTML);
  const next = document.importNode(part, true);
  const focused = shown.contains(document.activeElement) ? document.activeElement : null;
  const path = focused && focused !== shown ? position(shown, focused) : null;
  const asking = shown.querySelector("[data-asks]")?.cloneNode();
  next.before = shown;
  shown.replaceWith(next);
  if (path !== null) locate(next, path)?.focus();
  if (asking) askOn(asking, document.getElementById(asking.id));
  return next;
}

function position(ancestor, element) {
  if (element.id) return { id: element.id };
  const kind = element.tagName;
  return { kind, index: [...ancestor.getElementsByTagName(kind)].indexOf(element) };
}

function locate(ancestor, { id, kind, index }) {
  return id ? document.getElementById(id) : ancestor.getElementsByTagName(kind)[index];
}
