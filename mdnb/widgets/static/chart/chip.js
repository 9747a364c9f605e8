// A label on an axis: a filled box with a text.

import { say, set, svg } from "../page/dom.js";

export class Chip {
  /**
   * @param {Element} parent
   * @param {string} [name] its class
   */
  constructor(parent, name) {
    this.group = svg(parent, "g", name ? { class: name } : {});
    this.box = svg(this.group, "rect", { rx: 2 });
    this.text = svg(this.group, "text", { "font-size": 11, "dominant-baseline": "central" });
  }

  /**
   * @param {number} x
   * @param {number} y its head
   * @param {number} width
   * @param {number} height
   * @param {string} words
   * @param {string} fill
   * @param {string} colour of the text
   */
  put(x, y, width, height, words, fill, colour) {
    set(this.box, { x, y: y.toFixed(1), width: Math.max(width, 0), height, fill });
    set(this.text, { x: x + 5, y: (y + height / 2).toFixed(1), fill: colour });
    say(this.text, words);
    set(this.group, { visibility: "visible" });
  }

  hide() {
    set(this.group, { visibility: "hidden" });
  }

  get isShown() {
    return this.group.getAttribute("visibility") === "visible";
  }
}
