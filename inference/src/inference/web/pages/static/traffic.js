// How the requests of a model are shared between versions, and what was found of the new one.
import { h, put } from "./dom.js";
import { duration, language, number, percent, text } from "./service.js";
import { table } from "./table.js";

const GATES = { max_disagreement: percent, max_p99_ratio: number, max_error_rate: percent };

// Fill the section; get returns a document about the model.
export async function showTraffic(section, get) {
  const [{ active_version, traffic, measured, decision }, { versions }] = await Promise.all([
    get("traffic"),
    get("live"),
  ]);
  const shares = traffic?.shares ?? { [active_version]: 100 };
  const shown = versions.filter((one) => one.version in shares || one.requests_per_second > 0);
  const rows = shown.map((one) => [
    String(one.version),
    percent((shares[one.version] ?? 0) / 100),
    one.requests_per_second ? number(one.requests_per_second, 2) : "0",
    one.p99_seconds === null ? "-" : duration(1000 * one.p99_seconds),
  ]);
  const heads = [text("version"), text("share"), text("rate"), text("p99")];
  put(section.querySelector("#traffic-versions"), table("traffic-table", text("lately"), heads, rows));
  const values = section.dataset.answers === "values";
  const place = section.querySelector("#traffic-measured");
  if (measured === null) put(place);
  else put(place, describe(measured, traffic, values), progress(measured, traffic.promote));
  put(section.querySelector("#traffic-decision"), decision && tell(decision));
  put(section.querySelector(".state"));
}

// What was found since the traffic was set, by name.
function describe(measured, traffic, values) {
  const compared = measured.rows - measured.failed;
  const facts = traffic.shadow === null ? splitFacts(measured) : shadowFacts(measured, compared, values);
  const p99 = Object.entries(measured.p99_seconds).map(([version, seconds]) =>
    text("p99_of", { version, duration: duration(1000 * seconds) }),
  );
  const kind = traffic.shadow === null ? text("p99") : text("p99_of_runs");
  if (p99.length) facts.push([kind, p99.join(" · ")]);
  const shown = facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));
  return h("dl", { class: "facts" }, shown);
}

const splitFacts = (measured) => [
  [text("new_rows", { version: measured.new_version }), count(measured.rows)],
  [text("failed_requests"), count(measured.failed)],
];

function shadowFacts(measured, compared, values) {
  const labels = `${count(measured.different)} (${percent(compared ? measured.different / compared : 0)})`;
  const { difference } = measured;
  return [
    [text("compared"), count(compared)],
    values ? null : [text("other_label"), labels],
    [text(values ? "difference" : "number_difference"), difference === null ? "-" : number(difference, 3)],
    [text("failed_rows"), count(measured.failed)],
    [text("dropped_rows"), count(measured.dropped)],
  ].filter((fact) => fact !== null);
}

const count = (value) => number(value, 15);

// How many of the rows are there after which a promotion is decided, and its gates.
function progress(measured, gates) {
  if (gates === null) return null;
  const most = gates.after_rows;
  const rows = Math.min(measured.rows, most);
  const label = text("progress", { version: measured.new_version, rows: count(rows), most: count(most) });
  const now = {
    max_disagreement: measured.disagreement,
    max_p99_ratio: measured.p99_ratio,
    max_error_rate: measured.error_rate,
  };
  const lines = Object.keys(GATES).filter((gate) => gate in gates);
  const cells = lines.map((gate) => [gateName(gate), write(gate, gates[gate]), write(gate, now[gate])]);
  return h(
    "div",
    { class: "promotion" },
    h("p", { id: "promotion-words" }, label),
    h("progress", { max: most, value: rows, "aria-labelledby": "promotion-words" }),
    table("gates-table", text("gates"), [text("gate"), text("permitted"), text("now")], cells),
  );
}

const write = (gate, value) => (value === null ? "-" : GATES[gate](value));

function gateName(gate) {
  if (gate === "max_disagreement") return text("disagreement");
  return gate === "max_p99_ratio" ? text("p99_ratio") : text("error_rate");
}

// How the last rollout has ended by itself.
function tell({ outcome, version, pinned_version, rows, time, gate, value, limit }) {
  const when = new Date(1000 * time).toLocaleString(language);
  const words =
    outcome === "promoted"
      ? text("was_promoted", { version, rows: count(rows), when })
      : text("was_rolled_back", {
          version,
          pinned: pinned_version,
          rows: count(rows),
          when,
          gate: gateName(gate),
          limit: write(gate, limit),
          value: write(gate, value),
        });
  return h("p", { class: outcome === "promoted" ? "promoted" : "caution" }, words);
}
