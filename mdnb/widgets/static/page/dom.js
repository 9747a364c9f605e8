// Making and changing elements. Nothing is written that stands there already: the page would be laid out anew.
// Texts of a feed are `textContent`, never HTML.

export const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Record<string, string | number | boolean>} Attributes */

/**
 * Append an HTML element to another one.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {Element} parent
 * @param {K} name
 * @param {Attributes} [attributes]
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function html(parent, name, attributes = {}, text = undefined) {
  const made = document.createElement(name);
  set(made, attributes);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

/**
 * Append an SVG element to another one.
 * @template {keyof SVGElementTagNameMap} K
 * @param {Element} parent
 * @param {K} name
 * @param {Attributes} [attributes]
 * @param {string} [text]
 * @returns {SVGElementTagNameMap[K]}
 */
export function svg(parent, name, attributes = {}, text = undefined) {
  const made = document.createElementNS(SVG, name);
  set(made, attributes);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

/**
 * @param {Element} node
 * @param {Attributes} attributes
 */
export function set(node, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    const text = String(value);
    if (node.getAttribute(key) !== text) node.setAttribute(key, text);
  }
}

/**
 * @param {Node} node
 * @param {string} text
 */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Elements of one kind, made once and used again with each drawing; @template T */
export class Pool {
  /** @param {() => T} make */
  constructor(make) {
    this.make = make;
    /** @type {T[]} */
    this.made = [];
    this.used = 0;
  }

  /** @returns {T} */
  next() {
    if (this.used === this.made.length) this.made.push(this.make());
    this.used += 1;
    return this.made[this.used - 1];
  }

  /**
   * Hide what was not used since the last call.
   * @param {(unused: T) => void} hide
   */
  finish(hide) {
    this.made.slice(this.used).forEach(hide);
    this.used = 0;
  }
}
