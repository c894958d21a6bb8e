// Makes the calls of a job with a library of WebAssembly: node run.mjs JOB.json, which prints what comes of them.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { load } = await import(pathToFileURL(job.module));
const library = await load(readFileSync(job.wasm));
const types = { float32: Float32Array, float64: Float64Array, int64: BigInt64Array, int32: Int32Array };
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64")).buffer;
const text = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64");
const given = (v) => {
  if (typeof v === "number") return v;
  let array = new types[v.dtype](bytes(v.data));
  if (v.dtype === "int64") array = Array.from(array, Number);
  return Object.assign(array, { shape: v.shape });
};
const results = job.calls.map(([name, inputs]) =>
  Object.values(library[name](...inputs.map(given))).map((v) => (typeof v === "number" ? v : { shape: v.shape, data: text(v), wide: v instanceof Float64Array })));
const state = Object.fromEntries(Object.entries(library.state ?? {}).map(([name, array]) => [name, text(array)]));
const begun = performance.now();
for (let k = 0; k < job.times; k++) library[job.calls[0][0]](...job.calls[0][1].map(given));
console.log(JSON.stringify({ results, state, milliseconds: job.times ? (performance.now() - begun) / job.times : 0 }));
