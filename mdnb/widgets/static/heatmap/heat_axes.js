// Texts and ticks of a heat map's axes.

const NICE = [1, 2, 2.5, 5];
const NICE_SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];

/** Prices, sizes and times as they are written. */
export class Words {
  /** @param {{ decimals: number, tz: string }} settings */
  constructor({ decimals, tz }) {
    const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
    this.prices = new Intl.NumberFormat("en-US", digits);
    this.whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
    this.short = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 4 });
    /** @type {Intl.DateTimeFormatOptions} */
    const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
    try {
      this.clock = new Intl.DateTimeFormat("en-GB", { ...clock, timeZone: tz });
    } catch {
      // A page that does not know the zone.
      this.clock = new Intl.DateTimeFormat("en-GB", { ...clock, timeZone: "UTC" });
    }
  }

  /** @param {number} value */
  price(value) {
    return Number.isFinite(value) ? this.prices.format(value) : "–";
  }

  /** @param {number} value */
  size(value) {
    return (value >= 1000 ? this.whole : this.short).format(value);
  }

  /** @param {number} ms */
  time(ms) {
    return this.clock.format(ms);
  }
}

/**
 * Return the prices, in ticks, that get a label: round ones, at least `least` pixels apart.
 * @param {number} low
 * @param {number} high
 * @param {number} step
 * @param {number} height
 * @param {number} least
 */
export function priceTicks(low, high, step, height, least) {
  const wanted = ((high - low) * step * least) / height;
  let each = 1;
  for (let power = Math.floor(Math.log10(step)), found = false; !found; power++) {
    for (const nice of NICE) {
      const ticks = (nice * 10 ** power) / step;
      if (Math.abs(ticks - Math.round(ticks)) > 1e-6 || ticks < 0.5 || nice * 10 ** power < wanted) continue;
      each = Math.round(ticks);
      found = true;
      break;
    }
  }
  const made = [];
  for (let tick = Math.ceil(low / each) * each; tick <= high; tick += each) made.push(tick);
  return made;
}

/**
 * Return the columns that get a label: round times, at least `least` pixels apart.
 * @param {number} first
 * @param {number} last
 * @param {number} seconds
 * @param {number} width
 * @param {number} least
 */
export function clockTicks(first, last, seconds, width, least) {
  const wanted = ((last - first) * seconds * least) / width;
  const each = NICE_SECONDS.find((nice) => nice >= wanted && nice >= seconds) ?? NICE_SECONDS[NICE_SECONDS.length - 1];
  const made = [];
  for (let at = Math.ceil((first * seconds) / each) * each; at <= last * seconds; at += each) made.push(at / seconds);
  return made;
}

/**
 * Return black or white, whichever reads better on a colour.
 * @param {string} colour
 */
export function textOn(colour) {
  const shares = channels(colour).map((channel) => channel / 255);
  const [r, g, b] = shares.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  const light = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return (light + 0.05) / 0.05 > 1.05 / (light + 0.05) ? "#000000" : "#ffffff";
}

/** @param {string} colour */
function channels(colour) {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
}

/**
 * Return 256 colours as pixels, from a ramp of fewer.
 * @param {string[]} ramp
 */
export function lookUp(ramp) {
  const made = new Uint32Array(256);
  const known = ramp.map(channels);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (known.length - 1);
    const [from, to] = [known[Math.floor(at)], known[Math.ceil(at)]];
    const [r, g, b] = from.map((value, c) => Math.round(value + (to[c] - value) * (at % 1)));
    made[i] = (255 << 24) | (b << 16) | (g << 8) | r;
  }
  return made;
}
