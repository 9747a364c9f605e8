// Modules that the kernel sends as text, imported once a page however many charts need them.
//
// The code that draws is a trait of the kernel's hidden runtime widget: to a host of widgets that is data. A widget's
// own `_esm` is code to it, and marimo gives that to nobody.

/** @typedef {import("../types").Model} Model */

/**
 * Return the module that a text is.
 * @param {string} text
 * @returns {Promise<any>}
 */
export function importText(text) {
  const held = (window.__mdnbModules ??= new Map());
  if (!held.has(text)) {
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    held.set(text, import(url).finally(() => URL.revokeObjectURL(url)));
  }
  return held.get(text);
}

/**
 * Return the drawing code of a runtime.
 * @param {Model} runtime
 * @returns {Promise<typeof import("../chart/drawing_code.js")>}
 */
export function moduleOf(runtime) {
  return importText(runtime.get("code"));
}
