// How far what the active version serves is from its training data.
import { h, put, s } from "./dom.js";
import { number, percent, text } from "./service.js";

const MOST = 50; // features; those that have shifted most come first
const WIDTH = 240;
const HEIGHT = 64;
const NEAR = 0.1; // the usual reading of the PSI
const SHIFTED = 0.2;

// Fill the section; get returns a document about the model.
export async function showDrift(section, get) {
  if (section.querySelector("#drift-answers") === null) return; // a file without a contract
  const report = await get(`drift?version=${section.dataset.version}`);
  put(section.querySelector(".state"), describe(report), report.rows ? legend() : null);
  const answers = report.answers.targets;
  put(section.querySelector("#drift-answers"), ...(report.rows ? answers.map(figure) : []));
  const features = report.rows ? sort(report.features) : [];
  put(section.querySelector("#drift-features"), ...features.slice(0, MOST).map(figure), rest(features));
}

const sort = (features) => [...features].sort((one, other) => (other.psi ?? -1) - (one.psi ?? -1));

const rest = (features) =>
  features.length > MOST ? h("p", { class: "hint" }, text("more", { count: features.length - MOST })) : null;

function describe({ rows, examined, since }) {
  if (!rows) return text("nothing_served");
  const from = new Date(since).toLocaleString(document.documentElement.lang);
  const values = { rows: number(rows, 12), examined: number(examined, 12), since: from };
  return text(examined < rows ? "window_sampled" : "window", values);
}

const legend = () =>
  h(
    "span",
    { class: "legend" },
    h("span", { class: "training" }, text("training")),
    h("span", { class: "served" }, text("served")),
  );

function figure(one) {
  const name = one.name || text("answer");
  const facts = [
    one.missing ? text("missing", { share: percent(one.missing) }) : null,
    one.unseen ? text("unseen", { share: percent(one.unseen) }) : null,
    one.out_of_range ? text("out_of_range", { share: percent(one.out_of_range) }) : null,
  ].filter((fact) => fact !== null);
  return h(
    "figure",
    {},
    h("figcaption", {}, h("span", { class: "name" }, name), badge(one.psi)),
    draw(one, name),
    facts.length ? h("p", { class: "hint" }, facts.join(" · ")) : null,
  );
}

function badge(psi) {
  if (psi === null) return h("span", { class: "psi" }, text("no_psi"));
  const kind = psi > SHIFTED ? "shifted" : psi > NEAR ? "near" : "alike";
  const words = text(psi > SHIFTED ? "shifted" : psi > NEAR ? "near" : "alike");
  const label = psi.toLocaleString(document.documentElement.lang, { maximumFractionDigits: 3 });
  return h("span", { class: `psi ${kind}` }, `PSI ${label} · ${words}`);
}

// Two bars for each bin: its share in training, and as served.
function draw({ bins }, name) {
  const most = Math.max(...bins.flatMap(({ training, served }) => [training ?? 0, served ?? 0]), 1e-9);
  const step = WIDTH / bins.length;
  const bar = (share, kind, left) => {
    const height = ((share ?? 0) / most) * HEIGHT;
    return s("rect", {
      class: kind,
      x: left.toFixed(2),
      y: (HEIGHT - height).toFixed(2),
      width: (step * 0.42).toFixed(2),
      height: height.toFixed(2),
    });
  };
  const groups = bins.map((bin, place) =>
    s(
      "g",
      {},
      s("title", {}, explain(bin)),
      bar(bin.training, "training", place * step + step * 0.06),
      bar(bin.served, "served", place * step + step * 0.52),
    ),
  );
  const label = `${name}: ${bins.map(explain).join("; ")}`;
  return s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label }, groups);
}

function explain(bin) {
  const { from = null, to = null, value = null } = bin;
  const ends = [from, to].map((end) => (end === null ? "…" : number(end))).join(" – ");
  const range = value ?? (bin.others ? text("others") : ends);
  const training = bin.training === null ? "-" : percent(bin.training);
  return text("bin", { range, training, served: bin.served === null ? "-" : percent(bin.served) });
}
