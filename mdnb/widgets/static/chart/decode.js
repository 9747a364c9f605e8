// What the kernel sends, as JavaScript values.

/** @typedef {import("../types").PackedColumn} PackedColumn */
/**
 * @typedef {(
 *   Float64Array | Float32Array | Int32Array | Uint32Array | Int16Array | Uint16Array | Int8Array | Uint8Array
 * )} Numbers
 */

/** @type {Record<string, { new (buffer: ArrayBuffer): Numbers, BYTES_PER_ELEMENT: number }>} */
const TYPES = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  float32: Float32Array,
  float64: Float64Array,
};

/**
 * Return a trait's value with plotly's packed arrays as typed arrays.
 * @param {any} value
 * @returns {any}
 */
export function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  if (value === "_undefined_") return undefined;
  if (value === null || typeof value !== "object") return value;
  if (value.dtype && value.shape) return typed(TYPES[value.dtype], value.buffer ?? value.value);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, revive(part)]));
}

/**
 * Copy a view's bytes: they may lie at an odd place of a message.
 * @template T
 * @param {{ new (buffer: ArrayBuffer): T }} Type
 * @param {ArrayBufferView<ArrayBuffer>} view
 * @returns {T}
 */
export function typed(Type, view) {
  return new Type(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

/**
 * Return the columns of bars: each `integers * multiply / divide`, or plain numbers.
 * @param {PackedColumn[]} parts
 * @param {ArrayBufferView<ArrayBuffer>} view
 * @returns {Float64Array[]}
 */
export function unpack(parts, view) {
  let at = 0;
  return parts.map(({ dtype, count, multiply, divide }) => {
    const Type = TYPES[dtype];
    const bytes = count * Type.BYTES_PER_ELEMENT;
    const values = typed(Type, new DataView(view.buffer, view.byteOffset + at, bytes));
    at += Math.ceil(bytes / 8) * 8;
    return Float64Array.from(values, (value) => (value * multiply) / divide);
  });
}
