// The chart's keys.

/** @typedef {import("../types").PlotlyDiv} PlotlyDiv */
/**
 * What keys are for.
 * @typedef {{
 *   drawn: (key: string, shift: boolean) => boolean, undo: (again: boolean) => void, toggle: () => void,
 *   replay: () => void,
 *   shift: (share: number, zoom: number) => void, latest: () => void, live: () => boolean,
 * }} KeyActions
 */

const PAN = 0.1; // of what is in view, a key
const ZOOM = 1.25;

export class Keyboard {
  /** @param {{ gd: PlotlyDiv, actions: KeyActions, isReady: () => boolean, entered: () => void }} given */
  constructor({ gd, actions, isReady, entered }) {
    this.gd = gd;
    this.actions = actions;
    this.isReady = isReady;
    /** Whether the focus comes from a press of the pointer. */
    this.pressing = false;
    gd.addEventListener("keydown", (event) => this.key(event));
    gd.addEventListener("focusin", entered);
    // Not `:focus-visible`: that a script gave it the focus looks like the keyboard, after any key before.
    gd.addEventListener("focus", () => gd.classList.toggle("mdnb-keys", !this.pressing));
  }

  /** Give the chart the keyboard for a press of the pointer, from which plotly keeps it. */
  take() {
    this.pressing = true;
    this.gd.focus({ preventScroll: true });
    this.pressing = false;
    this.gd.classList.remove("mdnb-keys");
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      this.undo(event);
      return;
    }
    if (event.target !== this.gd && [" ", "Enter"].includes(event.key)) {
      // The button's own; a notebook would take it for a command.
      event.stopPropagation();
      return;
    }
    if (!this.isReady() || !this.press(event.key, event.shiftKey)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /**
   * Undo what was drawn, or draw it again; the notebook, which would undo something of its own, is not told.
   * @param {KeyboardEvent} event
   */
  undo(event) {
    const key = event.key.toLowerCase();
    if (event.altKey || (key !== "z" && key !== "y")) return;
    event.preventDefault();
    event.stopPropagation();
    if (this.isReady()) this.actions.undo(key === "y" || event.shiftKey);
  }

  /**
   * Do what a key is for; return whether it is for anything.
   * @param {string} key
   * @param {boolean} shift
   */
  press(key, shift) {
    const { actions } = this;
    if (actions.drawn(key, shift)) return true;
    if (key === " ") actions.toggle();
    else if (key === "r" || key === "R") actions.replay();
    else if (key === "ArrowLeft") actions.shift(-PAN, 1);
    else if (key === "ArrowRight") actions.shift(PAN, 1);
    else if (key === "+" || key === "=") actions.shift(0, 1 / ZOOM);
    else if (key === "-" || key === "_") actions.shift(0, ZOOM);
    else if (key === "End" || key === "l" || key === "L") actions.latest();
    else return key === "Escape" && actions.live();
    return true;
  }
}
