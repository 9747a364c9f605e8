import assert from "node:assert/strict";
import { test } from "node:test";

import { EDITS, getAt, setAt } from "../../../mdnb/widgets/static/chart/python_edits.js";

const figure = () => ({ data: "abcde".split("").map((name) => ({ name })), layout: { xaxis: { range: [1, 2] } } });
const names = ({ data }) => data.map(({ name }) => name).join("");

test("values are set by path, made on the way, and taken away by null", () => {
  const target = {};
  setAt(target, "a.b[1].c", 3);
  assert.deepEqual(target, { a: { b: [, { c: 3 }] } });
  assert.equal(getAt(target, "a.b[1].c"), 3);
  assert.equal(getAt(target, "a.x.y"), undefined);
  setAt(target, ["a", "b"], null);
  setAt(target, "no.such", null);
  setAt(target, "left", undefined);
  assert.deepEqual(target, { a: {} });
});

test("traces are taken away whatever the order of their numbers", () => {
  const made = figure();
  EDITS.deleteTraces.keep(made, { delete_inds: [3, 0] });
  assert.equal(names(made), "bce");
});

test("traces move to where each is to be", () => {
  const made = figure();
  EDITS.moveTraces.keep(made, { current_trace_inds: [4, 0], new_trace_inds: [0, 2] });
  assert.equal(names(made), "ebacd");
});

test("a style goes to the traces named, in turn", () => {
  const made = figure();
  EDITS.restyle.keep(made, { restyle_data: { "line.color": ["red", "blue"] }, restyle_traces: [0, 1, 2] });
  assert.deepEqual(made.data.slice(0, 3).map(({ line }) => line.color), ["red", "blue", "red"]);
  EDITS.relayout.keep(made, { relayout_data: { "xaxis.range[1]": 9, title: "x" } });
  assert.deepEqual(made.layout, { xaxis: { range: [1, 9] }, title: "x" });
  EDITS.removeTraceProps.keep(made, { remove_trace: 0, remove_props: ["line.color"] });
  assert.deepEqual(made.data[0].line, {});
});
