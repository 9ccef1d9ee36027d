// Start the modules of the page that is shown, keep it current, and go from page to page.
//
// With a key the browser cannot load a page by itself, since a link carries no key. Then this module
// fetches it with the key and puts it in the place of the one that is shown.
import * as model from "./model.js";
import * as overview from "./overview.js";
import { remember, update } from "./refresh.js";
import { ask, announce, hasKey, root, text, useKey } from "./service.js";
import { follow } from "./stream.js";

const REFRESH_MS = 500;
const HTML = { Accept: "text/html" };

let stop = () => {};

function mount() {
  const main = document.getElementById("content");
  stop();
  stop = () => {};
  remember(main);
  overview.start(main);
  model.start(main);
  document.getElementById("forget-key").hidden = !hasKey();
  const { watch } = main.dataset;
  if (watch) stop = follow(watch, { page: refresh, traffic, refused, state: overview.showState });
  else document.getElementById("live").textContent = "";
  main.querySelector("#key-form")?.addEventListener("submit", enter);
}

const traffic = (data) => {
  overview.showTraffic(document.getElementById("content"), JSON.parse(data));
};

// ---------------------------------------------------------------- the page changes

let wanted = "";
let shown = "";
let isRefreshing = false;

// Fetch the page again until it is the one that was announced: another worker may be a moment behind.
async function refresh(tag) {
  wanted = tag;
  if (isRefreshing) return;
  isRefreshing = true;
  for (let tries = 0; shown !== wanted && tries < 5; tries++) {
    const place = location.pathname;
    try {
      const { answer, next } = await load(place.slice(root.length));
      if (place !== location.pathname) break;
      if (!answer.ok && !LASTING.has(answer.status)) throw new Error(`${answer.status}`);
      if (answer.ok && hasSameParts(next)) complete(next);
      else show(next);
      shown = (answer.headers.get("ETag") ?? "").replace(/^W\//, ""); // weak behind a proxy that compresses
    } catch {
      // The page that is shown stays. The next beginning of the stream announces it again.
    }
    if (shown !== wanted) await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
  }
  isRefreshing = false;
}

// A key may be revoked while a page is open. The page that comes then asks for another one.
async function refused() {
  const place = location.pathname;
  const loaded = await load(place.slice(root.length)).catch(() => null);
  if (loaded?.answer.status === 401 && place === location.pathname) show(loaded.next);
}

const idsOf = (page) =>
  [...page.querySelectorAll("[data-live], [data-live-list]")].map(({ id }) => id).join(" ");

// A model that begins or ceases to answer has other panels, and its page is shown anew.
const hasSameParts = (next) => {
  const main = document.getElementById("content");
  return idsOf(main) !== "" && idsOf(next) === idsOf(main);
};

function complete(next) {
  const main = document.getElementById("content");
  const fresh = update(main, next.getElementById("content"));
  overview.complete(main, fresh);
  model.complete(main, fresh);
}

// ---------------------------------------------------------------- from page to page

// A page in whose place nothing else will do; of others, such as too many requests, the next may do.
const LASTING = new Set([401, 403, 404]);

// Load a page. What a proxy says while the service is away is none.
async function load(path) {
  const answer = await ask(path, { headers: HTML });
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (next.getElementById("content") === null) throw new Error(`${answer.status}`);
  return { answer, next };
}

function show(next) {
  document.title = next.title;
  document.getElementById("content").replaceWith(next.getElementById("content"));
  shown = "";
  mount();
}

async function go(path, isBack = false) {
  try {
    const { next } = await load(path);
    if (!isBack) history.pushState(null, "", root + path);
    show(next);
    document.getElementById("content").focus();
  } catch {
    announce(text("unreachable"));
  }
}

async function enter(event) {
  event.preventDefault();
  const field = event.target.elements.key;
  const key = field.value.trim();
  const isKey = /^[!-~]+$/.test(key); // a header takes no others
  const headers = { Accept: "application/json" };
  if (isKey) useKey(key);
  const answer = isKey ? await ask("/models", { headers }).catch(() => null) : null;
  if (answer?.ok) return go(location.pathname.slice(root.length), true);
  useKey(null);
  let message = event.target.querySelector(".wrong");
  if (message === null) {
    message = document.createElement("p");
    message.className = "wrong";
    message.setAttribute("role", "alert");
    event.target.append(message);
  }
  message.textContent = text(!isKey || answer?.status === 401 ? "unknown_key" : "unreachable");
  field.select();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const isPlain = !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
  if (!hasKey() || link === null || !isPlain || link.dataset.leaves !== undefined) return;
  if (link.origin !== location.origin || link.getAttribute("href").startsWith("#")) return;
  event.preventDefault();
  go(link.pathname.slice(root.length));
});
addEventListener("popstate", () => hasKey() && go(location.pathname.slice(root.length), true));
document.getElementById("forget-key").addEventListener("click", () => {
  useKey(null);
  go(location.pathname.slice(root.length), true);
});

mount();
