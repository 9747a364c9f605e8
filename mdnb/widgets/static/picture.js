// The chart as the page shows it, as a file to save.

const SHARPNESS = 2; // pixels of the picture for one of the page

/** Let the user save a file: what the kernel sent, or the picture of a view. */
async function save(view, { what, name, type }, bytes) {
  const blob = what === "png" ? await pictureOf(view) : new Blob([bytes], { type });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function pictureOf(view) {
  const { gd } = view;
  const { width, height } = gd._fullLayout;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width * SHARPNESS, height * SHARPNESS];
  const context = canvas.getContext("2d");
  context.scale(SHARPNESS, SHARPNESS);
  context.fillStyle = view.colours.background;
  context.fillRect(0, 0, width, height);
  context.drawImage(await imageOf(await view.plotly.toImage(gd, { format: "svg", width, height })), 0, 0, width, height);
  // Plotly's own picture has the numbers that the page hides behind the chips.
  for (const { box, group } of [view.label, view.left]) {
    if (group.getAttribute("visibility") === "hidden") continue;
    const [x, y, tall] = ["x", "y", "height"].map((name) => Number(box.getAttribute(name)));
    context.fillRect(x, y - 6, width - x, tall + 12);
  }
  const over = view.over.cloneNode(true);
  for (const [name, value] of Object.entries({ xmlns: SVG, width, height, style: `font: ${getComputedStyle(gd).font}` })) {
    over.setAttribute(name, value);
  }
  const text = new XMLSerializer().serializeToString(over);
  context.drawImage(await imageOf(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`), 0, 0, width, height);
  drawTexts(context, view);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function imageOf(source) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error("the picture could not be drawn"));
    image.src = source;
  });
}

/** Draw the texts that lie over the chart where the page has them. */
function drawTexts(context, view) {
  const origin = view.gd.getBoundingClientRect();
  context.textBaseline = "middle";
  for (const root of [view.legend, view.badge, view.labels]) {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(node);
      const box = range.getBoundingClientRect();
      if (!box.width) continue;
      const style = getComputedStyle(node.parentElement);
      context.font = style.font;
      context.fillStyle = style.color;
      context.fillText(node.textContent, box.left - origin.left, box.top - origin.top + box.height / 2);
    }
  }
}
