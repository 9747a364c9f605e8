// Tells the kernel whether the page is dark or light, now and whenever that changes.
// It draws nothing: a model's `initialize` runs as soon as the kernel creates the model.

import { onPageTheme, pageTheme } from "./page_theme.js";

/** @param {{ model: import("../types").Model }} given */
function initialize({ model }) {
  const tell = () => {
    model.set("theme", pageTheme());
    model.save_changes();
  };
  tell();
  return onPageTheme(tell);
}

export default { initialize };
