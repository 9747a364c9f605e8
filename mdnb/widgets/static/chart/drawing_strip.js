// The buttons of the drawing tools, in columns at the left of the bars; seen with the other buttons.

import { html, set, svg } from "../page/dom.js";

/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {"line" | "vertical" | "trend" | "ray" | "rectangle" | "fibonacci" | "measure" | "text"} Tool */
/** @typedef {Tool | "magnet" | "undo" | "remove" | "clear"} StripButton */
/**
 * @typedef {{
 *   take: (tool: Tool, byKeyboard: boolean) => void, magnet: () => void, undo: () => void, remove: () => void,
 *   clear: () => void,
 * }} StripActions
 */

export const DRAWING_STRIP_STYLE = `
.mdnb-buttons.mdnb-drawing-strip { display: grid; grid-auto-flow: column; grid-auto-columns: 24px; height: auto;
  padding: 3px; }
`;

/** @type {[name: StripButton, words: string, paths: string[]][]} */
const TOOL_BUTTONS = [
  ["measure", "Measure: ticks, money, per cent, bars and time", ["M2 11L11 2L14 5L5 14Z", "M5.5 8L7 9.5M8 5.5L9.5 7"]],
  ["line", "Draw a horizontal line (Enter: at the pointer, or at the last price)",
    ["M1.5 8H6M10 8H14.5", "M10 8a2 2 0 1 1 -4 0a2 2 0 1 1 4 0"]],
  ["vertical", "Draw a vertical line", ["M8 1.5V6M8 10V14.5", "M10 8a2 2 0 1 1 -4 0a2 2 0 1 1 4 0"]],
  ["trend", "Draw a trend line",
    ["M4.5 11.5L11.5 4.5", "M4.6 12.8a1.5 1.5 0 1 1 -3 0a1.5 1.5 0 1 1 3 0M14.4 3.2a1.5 1.5 0 1 1 -3 0a1.5 1.5 0 1 1 3 0"]],
  ["ray", "Draw a ray", ["M4.5 11.5L14.5 1.5", "M4.6 12.8a1.5 1.5 0 1 1 -3 0a1.5 1.5 0 1 1 3 0M11 6.5a1.5 1.5 0 1 1 -3 0a1.5 1.5 0 1 1 3 0"]],
  ["rectangle", "Draw a rectangle", ["M3 4H13V12H3Z"]],
  ["fibonacci", "Draw Fibonacci levels", ["M2 2.5H14M2 6.5H14M2 9.5H14M2 13.5H14", "M3.5 13.5L12.5 2.5"]],
  ["text", "Write a text", ["M3 4.5V3H13V4.5M8 3V13M6 13H10"]],
  ["magnet", "Snap to open, high, low and close", ["M3 2.5H6V8a2 2 0 0 0 4 0V2.5H13V8a5 5 0 0 1 -10 0ZM3 5H6M10 5H13"]],
  ["undo", "Undo (Ctrl+Z; again: Ctrl+Shift+Z)", ["M5.5 3L2.5 6L5.5 9", "M2.5 6H10a3.5 3.5 0 0 1 0 7H7"]],
  ["remove", "Delete the picked drawing (Delete; D picks the next one)", ["M4 4L12 12M12 4L4 12"]],
  ["clear", "Clear drawings", ["M2.5 4.5H13.5M6 4.5V2.5H10V4.5M4 4.5L4.7 13.5H11.3L12 4.5M6.7 7V11M9.3 7V11"]],
];
const STRIP_ROOM = 100; // pixels of the bars' height for what stands above and below
const STRIP_CELL = 23;

export class DrawingStrip {
  /** @param {{ area: PlotArea, actions: StripActions, entered: () => void }} given */
  constructor({ area, actions, entered }) {
    this.area = area;
    /** Where the bars were, in one number, when it was placed last. */
    this.drawnAt = NaN;
    this.node = document.createElement("div");
    set(this.node, { class: "mdnb-buttons mdnb-drawing-strip", role: "group", "aria-label": "Drawing tools" });
    const { magnet, undo, remove, clear } = actions;
    /** @type {Record<string, () => void>} */
    const others = { magnet, undo, remove, clear };
    this.buttons = /** @type {Record<StripButton, HTMLButtonElement>} */ ({});
    for (const [name, words, paths] of TOOL_BUTTONS) {
      const made = html(this.node, "button", { type: "button", title: words, "aria-label": words });
      const picture = svg(made, "svg", { viewBox: "0 0 16 16", "aria-hidden": "true" });
      for (const d of paths) svg(picture, "path", { d });
      made.addEventListener("click", (event) => {
        if (others[name]) others[name]();
        else actions.take(/** @type {Tool} */ (name), !event.detail);
      });
      this.buttons[name] = made;
    }
    // The crosshair is for the bars, not for what lies under a button.
    this.node.addEventListener("mousemove", (event) => {
      event.stopPropagation();
      entered();
    });
    for (const name of ["mousedown", "dblclick", "touchstart"]) {
      this.node.addEventListener(name, (event) => event.stopPropagation());
    }
    this.showTool(null);
    this.showMagnet(false);
    this.showSteps(false, false);
  }

  /**
   * Show which tool is in hand.
   * @param {string | null} tool
   */
  showTool(tool) {
    for (const [name, button] of Object.entries(this.buttons)) {
      if (!["magnet", "undo", "remove", "clear"].includes(name)) set(button, { "aria-pressed": tool === name });
    }
  }

  /** @param {boolean} on */
  showMagnet(on) {
    set(this.buttons.magnet, { "aria-pressed": on });
  }

  /**
   * Show whether there is something to undo, and a drawing is picked.
   * @param {boolean} canUndo
   * @param {boolean} isPicked
   */
  showSteps(canUndo, isPicked) {
    const { undo, remove } = this.buttons;
    if (undo.disabled === canUndo) undo.disabled = !canUndo;
    if (remove.disabled === isPicked) remove.disabled = !isPicked;
  }

  draw() {
    const { left, top, bottom } = this.area;
    const at = left + 1e4 * top + 1e8 * bottom;
    if (at === this.drawnAt) return;
    this.drawnAt = at;
    const most = Math.max(Math.floor((bottom - top - STRIP_ROOM) / STRIP_CELL), 2);
    const columns = Math.ceil(TOOL_BUTTONS.length / most);
    const rows = Math.ceil(TOOL_BUTTONS.length / columns);
    const tall = rows * STRIP_CELL + 7;
    const place = `left:${left + 8}px;top:${Math.round(bottom - 44 - tall)}px;grid-template-rows:repeat(${rows},22px)`;
    set(this.node, { style: place });
  }
}
