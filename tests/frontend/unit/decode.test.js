// What the kernel sends: the bytes are made here by hand.

import assert from "node:assert/strict";
import { test } from "node:test";

import { revive, typed, unpack } from "../../../mdnb/widgets/static/chart/decode.js";

/** Put the bytes of arrays one behind another, each from a multiple of eight on; the view begins at an odd byte. */
function pack(...arrays) {
  const parts = arrays.map((array) => new Uint8Array(array.buffer.slice(0)));
  const length = parts.reduce((sum, part) => sum + 8 * Math.ceil(part.length / 8), 0);
  const bytes = new Uint8Array(length + 3);
  let at = 3;
  for (const part of parts) {
    bytes.set(part, at);
    at += 8 * Math.ceil(part.length / 8);
  }
  return new DataView(bytes.buffer, 3, length);
}

test("columns are whole numbers times a step, or plain numbers", () => {
  const view = pack(Int16Array.of(1, -2, 300), Float64Array.of(0.5, NaN), Uint8Array.of(7), Int32Array.of(4_000_000));
  const columns = unpack(
    [
      { dtype: "int16", count: 3, multiply: 25, divide: 100 },
      { dtype: "float64", count: 2, multiply: 1, divide: 1 },
      { dtype: "uint8", count: 1, multiply: 1, divide: 1 },
      { dtype: "int32", count: 1, multiply: 1, divide: 1000 },
    ],
    view,
  );
  assert.deepEqual(columns.map((column) => [...column]), [[0.25, -0.5, 75], [0.5, NaN], [7], [4000]]);
  assert.ok(columns.every((column) => column instanceof Float64Array));
});

test("bytes that lie at an odd place are copied", () => {
  const numbers = Float64Array.of(1.5, -2.25);
  const view = pack(numbers);
  const made = typed(Float64Array, view);
  assert.deepEqual([...made], [1.5, -2.25]);
  assert.notEqual(made.buffer, view.buffer);
});

test("a trait's value has packed arrays in any place, and undefined for what plotly calls so", () => {
  const packed = { dtype: "float32", shape: [2], buffer: new DataView(Float32Array.of(1, 2).buffer) };
  const told = { data: [{ x: packed, name: "a", y: [1, null, { z: packed }] }], gone: "_undefined_", none: null };
  const made = revive(told);
  assert.deepEqual([...made.data[0].x], [1, 2]);
  assert.ok(made.data[0].x instanceof Float32Array);
  assert.deepEqual([...made.data[0].y[2].z], [1, 2]);
  assert.equal(made.gone, undefined);
  assert.equal(made.none, null);
  assert.equal(made.data[0].name, "a");
});
