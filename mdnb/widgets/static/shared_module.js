// The code that draws comes once a page, in a trait of the kernel's hidden runtime widget: to a host of widgets
// that trait is data. A widget's own `_esm` is code to it, and marimo gives that to nobody.

/** Return the drawing code of a runtime: one module for all charts of the page. */
function moduleOf(runtime) {
  const held = (window.__mdnbModules ??= new Map());
  const code = runtime.get("code");
  if (!held.has(code)) {
    const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    held.set(code, import(url).finally(() => URL.revokeObjectURL(url)));
  }
  return held.get(code);
}
