// The fields of a model's features: read a record from them, and show a record in them.

import { readRecord, whole } from "./service.js";

// By feature: how to read and to show its value.
export class RecordForm {
  constructor(form, changed) {
    this.form = form;
    this.record = readRecord(form.dataset.record);
    this.fields = new Map();
    for (const field of form.querySelectorAll("[data-feature]")) {
      this.fields.set(field.dataset.feature, field);
      mark(field);
      toggle(field);
    }
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", ({ target }) => {
      const field = target.closest("[data-feature]");
      follow(field, target);
      changed(field.dataset.feature);
    });
  }

  // The record as the fields have it.
  read() {
    const values = [...this.fields].map(([name, field]) => [name, valueOf(field)]);
    return { ...this.record, ...Object.fromEntries(values) };
  }

  // Show a record; a value that does not fit its field is left out.
  show(record) {
    this.record = { ...this.record, ...record };
    for (const [name, field] of this.fields) {
      if (Object.hasOwn(record, name)) showValue(field, record[name]);
    }
  }

  showErrors(errors) {
    const reasons = new Map(errors.map(({ feature, reason }) => [feature, reason]));
    for (const [name, field] of this.fields) {
      const place = field.querySelector(".wrong");
      const reason = reasons.get(name) ?? "";
      if (place.textContent !== reason) place.textContent = reason;
      place.hidden = !reason;
    }
  }
}

const control = (field) => field.querySelector("[id^=value-]");
const slider = (field) => field.querySelector("input[type=range]");
const tick = (field) => field.querySelector("[data-missing]");

function valueOf(field) {
  if (tick(field)?.checked) return null;
  const input = control(field);
  if (input.tagName === "SELECT") return readRecord(input.dataset.values)[input.value];
  if (input.type === "number" && input.value === "") return null;
  if (input.type !== "number" && input.dataset.whole === undefined) return input.value;
  if (/^-?\d+$/.test(input.value)) return whole(input.value);
  return input.type === "number" ? Number(input.value) : input.value;
}

function showValue(field, value) {
  const missing = tick(field);
  if (missing) missing.checked = value === null;
  if (value !== null) {
    const input = control(field);
    if (input.tagName === "SELECT") {
      const index = readRecord(input.dataset.values).indexOf(value);
      if (index >= 0) input.value = index;
    } else {
      input.value = value;
    }
    const range = slider(field);
    if (range) range.value = value;
  }
  toggle(field);
  mark(field);
}

// After a person has changed one control of a field, the others follow.
function follow(field, target) {
  const range = slider(field);
  if (target === range) control(field).value = range.value;
  else if (range && target === control(field) && target.value !== "") range.value = target.value;
  toggle(field);
  mark(field);
}

function toggle(field) {
  const isMissing = tick(field)?.checked ?? false;
  control(field).disabled = isMissing;
  const range = slider(field);
  if (range) range.disabled = isMissing;
  field.classList.toggle("is-missing", isMissing);
}

function mark(field) {
  const { least, most } = field.dataset;
  const value = valueOf(field);
  const isNumber = ["number", "bigint"].includes(typeof value) && least !== undefined;
  field.classList.toggle("outside", isNumber && (value < Number(least) || value > Number(most)));
}
