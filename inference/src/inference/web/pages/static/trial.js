// Try a model: each change of the form is answered at once, with the reasons and a what-if curve.
import { showAnswer } from "./answer.js";
import { h, put } from "./dom.js";
import { showExplanation } from "./explanation.js";
import { RecordForm } from "./form.js";
import { Latest } from "./latest.js";
import { readRecord, send, text, writeRecord } from "./service.js";
import { showWhatIf } from "./whatif.js";

// Answers that no other record of this version would change.
const NEVER = new Set([404, 405, 409, 501]);

export class Trial {
  // before is the trial of an earlier version, whose values are kept where they fit.
  constructor(panel, before = null) {
    this.path = `/models/${encodeURIComponent(panel.dataset.model)}`;
    this.panel = panel;
    this.form = new RecordForm(panel.querySelector("#record"), (feature) => this.change(feature));
    this.feature = before?.feature ?? null;
    this.chosen = null;
    this.predicting = new Latest((record) => this.predict(record));
    this.explaining = new Latest((asked) => this.explain(asked));
    this.canExplain = this.form.form.dataset.explains !== undefined;
    this.fixed = new Set(); // features that have no curve
    this.hasAnswer = false;
    if (before) this.form.show(before.form.read());
    panel.querySelector(".examples")?.addEventListener("click", ({ target }) => {
      if (!target.dataset.sample) return;
      this.form.show(readRecord(target.dataset.sample));
      this.change(this.feature);
    });
    const fields = [...this.form.fields.keys()];
    this.form.form.addEventListener("focusin", ({ target }) => {
      const feature = target.closest("[data-feature]")?.dataset.feature;
      if (feature && feature !== this.feature) this.change(feature);
    });
    this.change(fields.includes(this.feature) ? this.feature : (fields[0] ?? null));
  }

  change(feature) {
    this.feature = feature;
    this.predicting.ask(this.form.read());
  }

  place(name) {
    return this.panel.querySelector(`#${name}`);
  }

  async predict(record) {
    const place = this.place("answer");
    try {
      const answer = await send("POST", `${this.path}/predict`, writeRecord(record));
      this.form.showErrors([]);
      showAnswer(place, answer);
      this.hasAnswer = true;
      this.explaining.ask({ record, answer, feature: this.feature });
    } catch (error) {
      this.hasAnswer = false;
      this.form.showErrors(error.errors ?? []);
      delete place.dataset.kinds;
      const message = error.status === undefined ? text("unreachable") : error.message;
      put(place, h("p", { class: "wrong" }, message));
      this.place("explanation").hidden = this.place("whatif").hidden = true;
    }
  }

  async explain({ record, answer, feature }) {
    if (this.canExplain) {
      const asked = await this.ask("explain", record);
      if (asked === "never") this.canExplain = false;
      this.showReasons(asked?.explanation, answer);
    }
    const asked = feature === null || this.fixed.has(feature) ? null : await this.vary(record, feature);
    this.showCurve(asked, record[feature]);
  }

  async vary(record, feature) {
    const asked = await this.ask(`whatif?feature=${encodeURIComponent(feature)}`, record);
    if (asked === "never") this.fixed.add(feature);
    return asked;
  }

  // The answer; null if it cannot be had now, "never" if this model has none.
  async ask(route, record) {
    try {
      return await send("POST", `${this.path}/${route}`, writeRecord(record));
    } catch (error) {
      return NEVER.has(error.status) ? "never" : null;
    }
  }

  // Without an explanation the place is hidden: the reasons of an earlier answer are not in it. Nor
  // is one shown that comes after the answer has made place for an error.
  showReasons(explanation, answer) {
    const place = this.place("explanation");
    place.hidden = !explanation || !this.hasAnswer;
    if (place.hidden) return;
    const choose = (key) => {
      this.chosen = key;
      this.showReasons(explanation, answer);
    };
    showExplanation(place, explanation, { label: answer.label, chosen: this.chosen, choose });
  }

  showCurve(asked, now) {
    const place = this.place("whatif");
    place.hidden = !asked?.predictions || !this.hasAnswer;
    if (place.hidden) return;
    const { least, most } = this.form.fields.get(asked.feature)?.dataset ?? {};
    const range = least === undefined ? null : [Number(least), Number(most)];
    showWhatIf(place, asked, { now, range });
  }
}
