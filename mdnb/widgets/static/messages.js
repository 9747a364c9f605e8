// What the kernel sends, as JavaScript values; and plotly.js, which it sends once a page.

const TYPES = {
  int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array,
  int32: Int32Array, uint32: Uint32Array, float32: Float32Array, float64: Float64Array,
};

/** Return a trait's value with plotly's packed arrays as typed arrays. */
function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  if (value === "_undefined_") return undefined;
  if (value === null || typeof value !== "object") return value;
  if (value.dtype && value.shape) return typed(TYPES[value.dtype], value.buffer ?? value.value);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, revive(part)]));
}

/** Copy a view's bytes: they may lie at an odd place of a message. */
function typed(Type, view) {
  return new Type(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

/** Return the columns of bars: each `integers * multiply / divide`, or plain numbers. */
function unpack(parts, view) {
  let at = 0;
  return parts.map(({ dtype, count, multiply, divide }) => {
    const Type = TYPES[dtype];
    const bytes = count * Type.BYTES_PER_ELEMENT;
    const values = typed(Type, new DataView(view.buffer, view.byteOffset + at, bytes));
    at += Math.ceil(bytes / 8) * 8;
    return Float64Array.from(values, (value) => (value * multiply) / divide);
  });
}

function plotlyOf(runtime) {
  const held = (window.__mdnbPlotly ??= new Map());
  const version = runtime.get("version");
  if (!held.has(version)) {
    const loading = loadPlotly(runtime, version);
    loading.catch(() => held.delete(version));
    held.set(version, loading);
  }
  return held.get(version);
}

async function loadPlotly(runtime, version) {
  if (window.Plotly?.version === version) return window.Plotly;
  const packed = new Blob([runtime.get("source")]).stream();
  const source = await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).blob();
  // The names hide the page's AMD loader, which would take plotly.js for one of its modules. The first line lets
  // Chromium compile it beside the page's own work: https://v8.dev/blog/explicit-compile-hints
  const parts = ["//# allFunctionsCalledOnLoad\n{ let define, module, exports;\n", source, "\n}"];
  const url = URL.createObjectURL(new Blob(parts, { type: "text/javascript" }));
  try {
    await new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.onload = resolve;
      script.onerror = () => reject(new Error("the page does not let plotly.js be loaded"));
      script.src = url;
      document.head.append(script);
    });
  } finally {
    URL.revokeObjectURL(url);
  }
  return window.Plotly;
}
