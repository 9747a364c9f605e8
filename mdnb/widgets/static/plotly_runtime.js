// The front end of `mdnb.widgets.page.page_assets.PlotlyRuntime`, which shows nothing.

import { moduleOf } from "./page/shared_code.js";

export default {
  // Unpacked on arrival: the kernel is still making the figure then. What goes wrong, the chart says.
  /** @param {{ model: import("./types").Model }} given */
  initialize({ model }) {
    moduleOf(model).then(({ plotlyOf }) => plotlyOf(model)).catch(() => {});
  },
};
