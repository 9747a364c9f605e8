// The field in which a text on the chart is written, where it will stand.

import { html } from "../page/dom.js";
import { LONGEST_TEXT_DRAWN } from "./drawn_shapes.js";

export const TEXT_ENTRY_STYLE = `
.mdnb-text-entry { position: absolute; height: 22px; width: 160px; padding: 0 4px; font: inherit; font-size: 13px;
  box-sizing: border-box; transform: translateY(-50%); border-radius: 3px; outline: none;
  color: var(--mdnb-drawn); background: var(--mdnb-background); border: 1px solid var(--mdnb-drawn); }
`;

/**
 * Ask for a text at a place of the figure: Enter takes it, and so does leaving the field; Escape does not.
 * @param {HTMLElement} parent
 * @param {{ x: number, y: number, words: string, done: (words: string, byKey: boolean) => void }} given `done` is
 *   told "" where nothing is taken
 */
export function askText(parent, { x, y, words, done }) {
  const field = html(parent, "input", { class: "mdnb-text-entry", type: "text", "aria-label": "Text on the chart" });
  Object.assign(field, { value: words, maxLength: LONGEST_TEXT_DRAWN });
  Object.assign(field.style, { left: `${x}px`, top: `${y}px` });
  let open = true;
  /** @param {string} said @param {boolean} byKey */
  const end = (said, byKey) => {
    if (!open) return;
    open = false;
    field.remove();
    done(said.trim(), byKey);
  };
  field.addEventListener("keydown", (event) => {
    // The field's own: neither the chart's nor the notebook's.
    event.stopPropagation();
    if (event.key === "Enter") end(field.value, true);
    else if (event.key === "Escape") end("", true);
  });
  for (const name of ["pointerdown", "mousedown", "dblclick", "touchstart"]) {
    field.addEventListener(name, (event) => event.stopPropagation());
  }
  field.addEventListener("blur", () => end(field.value, false));
  field.focus({ preventScroll: true });
  field.select();
  return () => end("", false);
}
