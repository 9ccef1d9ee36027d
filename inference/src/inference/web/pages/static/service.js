// What all modules share: the address of the service, the key of this tab, and the page's texts.

export const root = document.documentElement.dataset.root ?? "";
export const language = document.documentElement.lang;

let key = null; // in memory only

export const hasKey = () => key !== null;

export function useKey(value) {
  key = value;
}

// Ask the service, with the key if there is one. The caller passes paths without the prefix.
export async function ask(path, options = {}) {
  const headers = new Headers(options.headers);
  if (key !== null) headers.set("Authorization", `Bearer ${key}`);
  return fetch(root + path, { cache: "no-cache", ...options, headers });
}

// A string with its quotes; behind a name, also the integer that follows.
const STRING_OR_MEMBER = /("(?:[^"\\]|\\.)*")(?:(\s*:\s*)(-?\d+)(?=\s*[,}]))?/g;
const EXACT = /(^"label|version)"$/;

// Read JSON. Versions and labels that a number here would round are strings of all their digits.
export function read(text) {
  const exact = text.replace(STRING_OR_MEMBER, (whole, name, colon, digits) =>
    digits && EXACT.test(name) && !Number.isSafeInteger(Number(digits))
      ? `${name}${colon}"${digits}"`
      : whole,
  );
  return JSON.parse(exact);
}

// The whole number that digits are: a BigInt if a number would round it.
export const whole = (digits) => (Number.isSafeInteger(Number(digits)) ? Number(digits) : BigInt(digits));

const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

// Read a record, or a list of values. Neither has lists in it, so that one can stand for a long number.
export function readRecord(text) {
  const exact = text.replace(STRING_OR_NUMBER, (token) => (/^-?\d{16,}$/.test(token) ? `["${token}"]` : token));
  return JSON.parse(exact, (name, value) => (name !== "" && Array.isArray(value) ? whole(value[0]) : value));
}

// Write a record. JSON.stringify takes no BigInts.
export function writeRecord(record) {
  const write = (value) => (typeof value === "bigint" ? `${value}` : JSON.stringify(value ?? null));
  return `{${Object.entries(record).map(([name, value]) => `${JSON.stringify(name)}:${write(value)}`)}}`;
}

// Send JSON, as a value or as text, and return the answer, or throw an Error with what the service says.
export async function send(method, path, body, signal) {
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  const answer = await ask(path, { method, headers, body: text, signal });
  const document = await answer.text().then(read).catch(() => ({}));
  if (answer.ok) return document;
  const error = new Error(document.detail ?? document.error ?? `${answer.status}`);
  error.status = answer.status;
  error.errors = document.errors ?? [];
  throw error;
}

// A text of the page's language, with its {values}.
export function text(name, values = {}) {
  const texts = JSON.parse(document.getElementById("content").dataset.texts);
  return texts[name].replace(/\{(\w+)\}/g, (whole, value) => values[value] ?? whole);
}

const announcer = document.getElementById("announcer");

// Have a screen reader say something.
export function announce(message) {
  announcer.textContent = message;
}

// Write a number with so many significant digits, and no digit before its decimal point as 0.
export function number(value, digits = 4) {
  const isLong = Math.abs(value) >= 10 ** digits && Math.abs(value) < 1e15;
  const places = isLong ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: digits };
  return new Intl.NumberFormat(language, places).format(value);
}

export function percent(value) {
  return new Intl.NumberFormat(language, {
    style: "percent",
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
  }).format(value);
}

export const duration = (ms) => (ms < 1000 ? `${number(ms, 2)}\u00a0ms` : `${number(ms / 1000, 2)}\u00a0s`);
