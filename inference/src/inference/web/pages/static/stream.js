// Server-sent events, read by fetch, since an EventSource cannot send a key.
import { ask } from "./service.js";

const RETRY_MS = [500, 1000, 2000, 5000];
const SILENCE_MS = 60_000; // the service says something every 15 s

// Follow the events of a path until the returned function is called.
//
// handlers has a function for each event, for the state ("on", "off"), and for a key that is refused.
export function follow(path, handlers) {
  const ending = new AbortController();
  run(path, handlers, ending.signal);
  return () => ending.abort();
}

async function run(path, handlers, signal) {
  let failures = 0;
  while (!signal.aborted) {
    try {
      const headers = { Accept: "text/event-stream" };
      const answer = await ask(path, { headers, cache: "no-store", signal });
      if (answer.status === 401) handlers.refused();
      if (!answer.ok) throw new Error(`${answer.status}`);
      failures = 0;
      await read(answer.body, handlers);
    } catch {
      // The service restarts, or too many pages are open: tried again below.
    }
    if (signal.aborted) return;
    handlers.state("off");
    await pause(RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)], signal);
  }
}

async function read(body, handlers) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    handlers.state("on");
    for (;;) {
      const { value, done } = await within(SILENCE_MS, reader.read());
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) dispatch(block, handlers);
    }
  } finally {
    reader.cancel().catch(() => {}); // a handler that fails leaves no stream open
  }
}

// A connection that has died while the machine slept, or in a router, tells no one.
function within(ms, promise) {
  let timer;
  const silence = new Promise((_, reject) => (timer = setTimeout(reject, ms, new Error("silence"))));
  return Promise.race([promise, silence]).finally(() => clearTimeout(timer));
}

function dispatch(block, handlers) {
  const fields = new Map(block.split("\n").map((line) => split(line)));
  handlers[fields.get("event")]?.(fields.get("data"));
}

function split(line) {
  const colon = line.indexOf(": ");
  return [line.slice(0, colon), line.slice(colon + 2)];
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
