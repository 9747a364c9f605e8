// The buttons inside a chart. They are seen while the pointer is over the chart, or the keyboard in it: at other
// times nothing lies over the bars.

import { html, say, set, svg } from "../page/dom.js";

/** @typedef {import("./modes.js").Modes} Modes */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {"pause" | "replay" | "step" | "slower" | "faster" | "live"} ButtonName */
/** @typedef {Record<ButtonName, (event: MouseEvent) => void>} Actions what the buttons are for */

export const TOOLBAR_STYLE = `
.mdnb-chart:focus { outline: none; }
.mdnb-chart.mdnb-keys:focus { outline: 2px solid var(--mdnb-drawn); outline-offset: -2px; }
.mdnb-buttons { position: absolute; display: flex; align-items: center; height: 28px; padding: 0 3px; gap: 1px;
  border: 1px solid var(--mdnb-grid); border-radius: 6px; background: var(--mdnb-background); opacity: 0;
  pointer-events: none; transition: opacity 120ms; }
.mdnb-chart:hover .mdnb-buttons, .mdnb-chart.mdnb-keys:focus .mdnb-buttons, .mdnb-buttons:has(:focus-visible) {
  opacity: 0.94; pointer-events: auto; }
.mdnb-chart.mdnb-held .mdnb-buttons { opacity: 0; pointer-events: none; }
.mdnb-buttons button { display: flex; align-items: center; justify-content: center; width: 24px; height: 22px;
  padding: 0; border: 0; border-radius: 4px; background: none; color: var(--mdnb-muted); cursor: pointer; }
.mdnb-buttons button:hover { color: var(--mdnb-text); background: var(--mdnb-grid); }
.mdnb-buttons button[aria-pressed="true"] { color: var(--mdnb-drawn); }
.mdnb-buttons button:disabled { opacity: 0.35; cursor: default; background: none; color: var(--mdnb-muted); }
.mdnb-buttons button:focus-visible { outline: 2px solid var(--mdnb-drawn); outline-offset: -2px; }
.mdnb-buttons svg { width: 16px; height: 16px; fill: none; stroke: currentColor; stroke-width: 1.4;
  stroke-linecap: round; stroke-linejoin: round; pointer-events: none; }
.mdnb-buttons .full { fill: currentColor; }
.mdnb-buttons .speed { min-width: 30px; text-align: center; font-size: 11px; color: var(--mdnb-muted); }
.mdnb-buttons .rule { width: 1px; height: 16px; margin: 0 3px; background: var(--mdnb-grid); }
@media (prefers-reduced-motion: reduce) { .mdnb-buttons { transition: none; } }
`;

// Paths in a square of 16; `full` ones are filled.
/** @type {Record<string, [path: string, look?: string][]>} */
const ICONS = {
  pause: [["M5 3.5V12.5M11 3.5V12.5"]],
  resume: [["M5 3.2L12.5 8L5 12.8Z", "full"]],
  replay: [["M3 8a5 5 0 1 0 1.6 -3.7"], ["M4.9 1.8L4.4 4.5L7.1 5"], ["M7 6.1L10 8L7 9.9Z", "full"]],
  step: [["M4 3.5L10 8L4 12.5Z", "full"], ["M12.5 3.5V12.5"]],
  slower: [["M7.5 4L3.5 8L7.5 12M12.5 4L8.5 8L12.5 12"]],
  faster: [["M8.5 4L12.5 8L8.5 12M3.5 4L7.5 8L3.5 12"]],
  live: [["M3 3.5L9 8L3 12.5"], ["M8 3.5L12.5 8L8 12.5"], ["M14 3.5V12.5"]],
};

/** @type {Record<Exclude<ButtonName, "pause">, string>} what the others say in every mode */
const WORDS = {
  replay: "Replay from the first bar in view (R: from the bar under the pointer)",
  step: "One bar on",
  slower: "Slower",
  faster: "Faster",
  live: "Back to live (Escape)",
};

export class Toolbar {
  /** @param {{ modes: Modes, area: PlotArea, actions: Actions, entered: () => void }} given */
  constructor({ modes, area, actions, entered }) {
    this.modes = modes;
    this.area = area;
    this.node = document.createElement("div");
    set(this.node, { class: "mdnb-buttons", role: "group", "aria-label": "Chart controls" });
    /** @param {ButtonName} name */
    const button = (name) => {
      const made = html(this.node, "button", { type: "button" });
      made.addEventListener("click", actions[name]);
      return made;
    };
    const [pause, replay, step, slower] = [button("pause"), button("replay"), button("step"), button("slower")];
    this.speed = html(this.node, "span", { class: "speed" });
    const [faster, live] = [button("faster"), button("live")];
    /** @type {Record<ButtonName, HTMLButtonElement>} */
    this.buttons = { pause, replay, step, slower, faster, live };
    for (const [name, words] of Object.entries(WORDS)) {
      this.nameButton(/** @type {ButtonName} */ (name), words, name);
    }
    // The crosshair is for the bars, not for what lies under a button.
    this.node.addEventListener("mousemove", (event) => {
      event.stopPropagation();
      entered();
    });
    for (const name of ["mousedown", "dblclick", "touchstart"]) {
      this.node.addEventListener(name, (event) => event.stopPropagation());
    }
    this.showMode();
  }

  /**
   * @param {ButtonName} name
   * @param {string} words
   * @param {string} icon
   */
  nameButton(name, words, icon) {
    const held = this.buttons[name];
    set(held, { "aria-label": words, title: words });
    if (held.dataset.icon === icon) return;
    held.dataset.icon = icon;
    held.replaceChildren();
    const picture = svg(held, "svg", { viewBox: "0 0 16 16", "aria-hidden": "true" });
    for (const [d, look] of ICONS[icon]) svg(picture, "path", look ? { d, class: look } : { d });
  }

  /** Show what the chart does: live, paused or a replay. */
  showMode() {
    const { name, cut, speed } = this.modes;
    const still = name === "paused";
    const resume = cut ? "Go on with the replay (Space)" : "Resume (Space)";
    this.nameButton("pause", still ? resume : "Pause (Space)", still ? "resume" : "pause");
    this.buttons.step.disabled = name === "live";
    this.buttons.live.disabled = name === "live";
    say(this.speed, `×${speed}`);
    this.speed.title = `${speed} bars a second in a replay`;
  }

  draw() {
    set(this.node, { style: `left:${this.area.left + 8}px;top:${this.area.bottom - 38}px` });
  }
}
