// Calls a service with a generated client, and prints what it answered; the types are the test.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Schemas = components["schemas"];
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2
  ? true
  : false;
function hold<_T extends true>(): void {}

// Types are exactly these: a union of the classes, a number or null, a tuple of a row's columns.
hold<Equal<Schemas["PenguinsLogisticRegressionLabel"], "Adelie" | "Chinstrap" | "Gentoo">>();
hold<Equal<Schemas["MixedLabel"], "big" | "small">>();
hold<Equal<Schemas["MixedRecord"]["island"], "Biscoe" | "Dream">>();
hold<Equal<Schemas["MixedRecord"]["mass"], number | null | undefined>>();
hold<Equal<Schemas["MixedRow"], [number | null, number, boolean, string, string | null]>>();
hold<Equal<Schemas["RegressorAnswer"]["value"], number | null>>();
hold<Equal<Schemas["OutliersLabel"], -1 | 1>>();
hold<Equal<Schemas["OutliersAnswer"]["score"], number | null>>();
hold<Equal<Schemas["LabelsLabels"][string], string | number | boolean>>();
hold<Equal<Schemas["VectorsAnswer"]["vector"][number], number | null>>();

const [url] = process.argv.slice(2);
if (url === undefined) throw new Error("call.js URL");
const client = createClient<paths>({ baseUrl: url });

const penguin: Schemas["PenguinsLogisticRegressionRecord"] = {
  bill_length_mm: 39.1,
  bill_depth_mm: 18.7,
  flipper_length_mm: 181,
  body_mass_g: 3750,
};

async function one() {
  const { data, error } = await client.POST("/models/penguins-logistic-regression/predict", {
    body: penguin,
  });
  if (error) throw new Error(error.detail);
  if ("predictions" in data) throw new Error("one record was answered as a list");
  const label: "Adelie" | "Chinstrap" | "Gentoo" = data.label;
  const share: number | null | undefined = data.probabilities[label];
  return { label, share, version: data.version };
}

async function several() {
  const { data, error } = await client.POST("/models/penguins-logistic-regression/predict", {
    body: [penguin, { ...penguin, bill_length_mm: 50 }],
  });
  if (error) throw new Error(error.detail);
  if (!("predictions" in data)) throw new Error("a list was answered as one record");
  return data.predictions.map((prediction) => prediction.label);
}

async function mixed() {
  const row: Schemas["MixedRow"] = [null, 4, true, "Dream", "male"];
  const { data, error } = await client.POST("/models/mixed/predict", { body: [row] });
  if (error) throw new Error(error.detail);
  return data;
}

async function any() {
  const { data, error } = await client.POST("/models/{name}/versions/{version}/predict", {
    params: { path: { name: "penguins-random-forest", version: 1 } },
    body: penguin,
  });
  if (error) throw new Error(error.detail);
  return data.model;
}

async function wrong() {
  // @ts-expect-error - a number is wanted
  const body: Schemas["PenguinsLogisticRegressionRecord"] = { ...penguin, body_mass_g: "heavy" };
  const { error, response } = await client.POST("/models/penguins-logistic-regression/predict", {
    body,
  });
  const faults = error?.errors?.map((fault) => fault.feature);
  return { status: response.status, faults };
}

async function selected() {
  const { error } = await client.POST("/select-model/", {
    params: { query: { model: "penguins-logistic-regression" } },
  });
  if (error) throw new Error(error.detail);
  // @ts-expect-error - there is no model of that name
  await client.POST("/select-model/", { params: { query: { model: "penguin" } } });
  const { data } = await client.POST("/predict/", { body: { ...penguin } });
  return data?.model;
}

async function infer() {
  const { data, error } = await client.POST("/v2/models/{model_name}/infer", {
    params: { path: { model_name: "mixed" } },
    body: {
      inputs: [
        { name: "mass", shape: [1, 1], datatype: "FP32", data: [3.5] },
        { name: "age", shape: [1, 1], datatype: "INT32", data: [4] },
        { name: "wild", shape: [1, 1], datatype: "BOOL", data: [true] },
        { name: "island", shape: [1, 1], datatype: "BYTES", data: ["Dream"] },
        { name: "sex", shape: [1, 1], datatype: "BYTES", data: ["male"] },
      ],
    },
  });
  if (error) throw new Error(error.error);
  if (typeof data === "string") throw new Error("unexpected binary data");
  return data.outputs.map((output) => output.name);
}

console.log(
  JSON.stringify({
    one: await one(),
    several: await several(),
    mixed: await mixed(),
    any: await any(),
    wrong: await wrong(),
    selected: await selected(),
    infer: await infer(),
  }),
);
