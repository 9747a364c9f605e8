// The chart as the page shows it, as a file to save.

import { SVG } from "../page/dom.js";
import { figureSize } from "./plotly_private.js";

/** @typedef {import("./view.js").View} View */

const SHARPNESS = 2; // pixels of the picture for one of the page

/**
 * Let the user save a file: what the kernel sent, or the picture of a view.
 * @param {View} view
 * @param {{ what: string, name: string, type: string }} file
 * @param {DataView<ArrayBuffer>} bytes
 */
export async function save(view, { what, name, type }, bytes) {
  const blob = what === "png" ? await pictureOf(view) : new Blob([bytes], { type });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/**
 * @param {View} view
 * @returns {Promise<Blob>}
 */
async function pictureOf(view) {
  const { gd } = view;
  const { plotly } = view.sync;
  if (!plotly) throw new Error("plotly has not drawn the chart yet");
  const { width, height } = figureSize(gd);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width * SHARPNESS, height * SHARPNESS];
  const context = canvas.getContext("2d");
  if (!context) throw new Error("the page gives no room for a picture");
  context.scale(SHARPNESS, SHARPNESS);
  context.fillStyle = view.appearance.colours.background;
  context.fillRect(0, 0, width, height);
  const drawn = await plotly.toImage(gd, { format: "svg", width, height });
  context.drawImage(await imageOf(drawn), 0, 0, width, height);
  // Plotly's own picture has the numbers that the page hides behind the chips.
  for (const chip of [view.lastPrice.label, view.lastPrice.left]) {
    if (!chip.isShown) continue;
    const [x, y, tall] = ["x", "y", "height"].map((name) => Number(chip.box.getAttribute(name)));
    context.fillRect(x, y - 6, width - x, tall + 12);
  }
  const over = /** @type {SVGElement} */ (view.over.cloneNode(true));
  const font = `font: ${getComputedStyle(gd).font}`;
  for (const [name, value] of Object.entries({ xmlns: SVG, width, height, style: font })) {
    over.setAttribute(name, String(value));
  }
  const text = new XMLSerializer().serializeToString(over);
  context.drawImage(await imageOf(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`), 0, 0, width, height);
  drawTexts(context, view);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture could not be made"))), "image/png");
  });
}

/**
 * @param {string} source
 * @returns {Promise<HTMLImageElement>}
 */
function imageOf(source) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error("the picture could not be drawn"));
    image.src = source;
  });
}

/**
 * Draw the texts that lie over the chart where the page has them.
 * @param {CanvasRenderingContext2D} context
 * @param {View} view
 */
function drawTexts(context, view) {
  const origin = view.gd.getBoundingClientRect();
  context.textBaseline = "middle";
  for (const root of [view.legend.line, view.legend.badge, view.indicators.labels]) {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(node);
      const box = range.getBoundingClientRect();
      if (!box.width || !node.parentElement) continue;
      const style = getComputedStyle(node.parentElement);
      context.font = style.font;
      context.fillStyle = style.color;
      context.fillText(node.textContent ?? "", box.left - origin.left, box.top - origin.top + box.height / 2);
    }
  }
}
