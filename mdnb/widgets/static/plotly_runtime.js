// The front end of `mdnb.widgets.page.page_assets.PlotlyRuntime`, which shows nothing.

export default {
  // Unpacked on arrival: the kernel is still making the figure then. What goes wrong, the chart says.
  initialize({ model }) {
    moduleOf(model).then(({ plotlyOf }) => plotlyOf(model)).catch(() => {});
  },
};
