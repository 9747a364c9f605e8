// Two fingers on the bars: what lies under each stays there, in time and in price. One finger is plotly's.

/** @typedef {import("./plot_area.js").Axis} Axis */
/** @typedef {import("./plot_area.js").PlotArea} PlotArea */
/** @typedef {import("./price_ranges.js").Range} Range */
/**
 * @typedef {{
 *   gd: HTMLElement, measured: () => PlotArea, bars: () => Range, prices: () => Range | null,
 *   zoom: (bars: Range | null, prices: Range | null, done: boolean) => void,
 * }} TouchHandsGiven `bars` are the ordinals at the edges, `prices` the ends as their axis counts; `zoom` shows others
 */
/** @typedef {[first: number, second: number]} Pair shares of an axis' length, of both fingers */

const APART = 0.08; // of an axis: nearer to each other, two fingers move it and do not stretch it
const FEWEST_BARS = 5;
const MOST_TIMES = 50;

/**
 * Return the range in which what was under two fingers is under them now.
 * @param {Range} range as they came down
 * @param {Pair} from where they came down
 * @param {Pair} to where they are
 * @param {number} [least] the least that is to be seen
 * @returns {Range}
 */
export function pinched([low, high], from, to, least = 0) {
  const span = high - low;
  const [was, is] = [Math.abs(from[1] - from[0]), Math.abs(to[1] - to[0])];
  const times = Math.min(was < APART ? 1 : was / Math.max(is, was / MOST_TIMES), MOST_TIMES);
  const wide = Math.sign(span) * Math.max(Math.abs(span) * times, least);
  const held = low + (span * (from[0] + from[1])) / 2;
  const begin = held - (wide * (to[0] + to[1])) / 2;
  return [begin, begin + wide];
}

export class TouchHands {
  /** @param {TouchHandsGiven} given */
  constructor(given) {
    this.given = given;
    /** @type {((touches: TouchList, done: boolean) => void) | null} shows what two fingers ask for */
    this.follow = null;
    /** @type {TouchList | null} */
    this.last = null;
    // Of the page: plotly lays a cover of its own under the first finger, and so the second one is on that. And before
    // plotly, which takes the first finger for a drag, hears of the second one.
    /** @type {AddEventListenerOptions} */
    const first = { capture: true, passive: false };
    /** @type {(event: TouchEvent) => void} */
    const begin = (event) => this.begin(event);
    /** @type {(event: TouchEvent) => void} */
    const move = (event) => this.move(event);
    /** @type {(event: TouchEvent) => void} */
    const end = (event) => this.end(event);
    window.addEventListener("touchstart", begin, first);
    window.addEventListener("touchmove", move, first);
    for (const name of /** @type {const} */ (["touchend", "touchcancel"])) window.addEventListener(name, end, first);
    this.close = () => {
      window.removeEventListener("touchstart", begin, first);
      window.removeEventListener("touchmove", move, first);
      for (const name of /** @type {const} */ (["touchend", "touchcancel"])) window.removeEventListener(name, end, first);
    };
  }

  /** @param {TouchEvent} event */
  begin(event) {
    const { bars, gd, measured, prices, zoom } = this.given;
    const { touches } = event;
    const ours = [...touches].some(({ target }) => target instanceof Node && gd.contains(target));
    if (touches.length !== 2 || !ours || this.follow) return;
    const area = measured();
    const box = gd.getBoundingClientRect();
    const inside = [...touches].every((one) =>
      one.clientX - box.left >= area.left && one.clientX - box.left <= area.right &&
      one.clientY - box.top >= area.top && one.clientY - box.top <= area.end);
    if (!inside) return;
    const [range, shown] = [bars(), prices()];
    /** @type {(at: TouchList) => { x: Pair, y: Pair }} */
    const shares = (at) => {
      const { left, top } = gd.getBoundingClientRect();
      const [a, b] = [at[0], at[1]];
      /** @type {(one: Touch) => number} */
      const across = (one) => (one.clientX - left - area.x.offset) / area.x.length;
      /** @type {(one: Touch) => number} */
      const up = (one) => 1 - (one.clientY - top - area.prices.offset) / area.prices.length;
      return { x: [across(a), across(b)], y: [up(a), up(b)] };
    };
    const from = shares(touches);
    this.follow = (at, done) => {
      const to = shares(at);
      zoom(pinched(range, from.x, to.x, FEWEST_BARS), shown && pinched(shown, from.y, to.y), done);
    };
    this.last = null;
    take(event);
  }

  /** @param {TouchEvent} event */
  move(event) {
    if (!this.follow) return;
    if (event.touches.length >= 2) {
      this.last = event.touches;
      this.follow(event.touches, false);
    }
    take(event);
  }

  /** @param {TouchEvent} event */
  end(event) {
    if (!this.follow) return;
    const { follow, last } = this;
    if (event.touches.length < 2 && last) {
      follow(last, true);
      this.last = null;
    }
    // The finger that is left drags nothing; plotly hears of its end, and lets go.
    if (!event.touches.length) this.follow = null;
    else take(event);
  }
}

/** @param {TouchEvent} event */
function take(event) {
  event.preventDefault();
  event.stopImmediatePropagation();
}
