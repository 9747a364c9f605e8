// Draws a heat map on two canvases: the picture, anew with each column, and the crosshair above it.

import { Words, clockTicks, lookUp, priceTicks, textOn } from "./heat_axes.js";
import { HeatGrid, PriceWindow } from "./heat_data.js";

/** @typedef {import("./heat_data.js").Column} Column */
/** @typedef {import("./heat_data.js").HeatRing} HeatRing */
/** @typedef {CanvasRenderingContext2D} Pen */
/**
 * @typedef {{ up: string, down: string, background: string, text: string, muted: string, ramp: string[] }} HeatTheme
 */
/**
 * What the kernel says of a heat map beside its columns.
 * @typedef {{
 *   symbol: string, columns: number, interval: number, step: number, decimals: number, tz: string, levels: number,
 *   height: number, status: string, tone: string, generation: number, themes: Record<string, HeatTheme>,
 * }} HeatSettings
 */
/** @typedef {{ x: number, y: number }} Place */

const RIGHT = 78; // the price axis
const BOTTOM = 22; // the time axis
const BOOK = 56; // the book as it is now, between picture and axis
const LEAST_ROW = 1.8; // pixels
const FAINTEST = 18; // of 255: what waits at all can be told from nothing
const FONT = '11px system-ui, -apple-system, "Segoe UI", sans-serif';

/**
 * Return what draws on a canvas.
 * @param {HTMLCanvasElement} canvas
 * @returns {Pen}
 */
function penOf(canvas) {
  const pen = canvas.getContext("2d");
  if (!pen) throw new Error("the page gives no canvas to draw on");
  return pen;
}

export class HeatDrawing {
  /**
   * @param {HTMLCanvasElement} base
   * @param {HTMLCanvasElement} over
   * @param {HeatSettings} settings
   * @param {string} theme
   */
  constructor(base, over, settings, theme) {
    this.base = base;
    this.over = over;
    this.cells = document.createElement("canvas");
    this.window = new PriceWindow();
    this.grid = new HeatGrid(settings.columns);
    /** Whether there is anything to see. */
    this.ready = false;
    this.scale = 1;
    this.width = this.height = 0;
    this.plot = { width: 0, height: 0 };
    /** @type {HeatRing | null} what was drawn last */
    this.ring = null;
    /** @type {{ x: number, y: number, width: number, height: number }[]} of the axes, as drawn last */
    this.labels = [];
    this.settings = settings;
    this.theme = settings.themes[theme];
    this.colours = lookUp(this.theme.ramp);
    this.words = new Words(settings);
  }

  /**
   * Take what the drawing depends on beside the columns.
   * @param {HeatSettings} settings
   * @param {string} theme
   */
  configure(settings, theme) {
    this.settings = settings;
    this.theme = settings.themes[theme];
    this.colours = lookUp(this.theme.ramp);
    this.words = new Words(settings);
    if (this.grid.columns !== settings.columns) this.grid = new HeatGrid(settings.columns);
  }

  /** Fit the canvases to their place; return whether there is any room. */
  measure() {
    const { clientWidth: width, clientHeight: height } = this.base;
    const scale = window.devicePixelRatio || 1;
    for (const canvas of [this.base, this.over]) {
      const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
      if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
      penOf(canvas).setTransform(scale, 0, 0, scale, 0, 0);
    }
    this.scale = scale;
    this.width = width;
    this.height = height;
    this.plot = { width: width - RIGHT - (width > 420 ? BOOK : 0), height: height - BOTTOM };
    return this.plot.width > 40 && this.plot.height > 40;
  }

  // -- places -----------------------------------------------------------------------------------------

  get pitch() {
    return this.plot.width / this.grid.columns;
  }

  /**
   * @param {number} index
   */
  x(index) {
    return (index - this.grid.first) * this.pitch;
  }

  /**
   * The middle of a tick's row.
   * @param {number} tick
   */
  y(tick) {
    const { low, rows, perRow } = this.grid;
    return this.plot.height * (1 - (tick - low + 0.5) / (rows * perRow));
  }

  /**
   * @param {number} x
   */
  indexAt(x) {
    return this.grid.first + Math.floor(x / this.pitch);
  }

  /**
   * @param {number} y
   */
  tickAt(y) {
    const { low, rows, perRow } = this.grid;
    return low + Math.floor((1 - y / this.plot.height) * rows * perRow);
  }

  // -- the picture ------------------------------------------------------------------------------------

  /**
   * @param {HeatRing} ring
   */
  draw(ring) {
    if (!this.measure()) return;
    const pen = penOf(this.base);
    pen.font = FONT;
    pen.textBaseline = "middle";
    pen.fillStyle = this.theme.background;
    pen.fillRect(0, 0, this.width, this.height);
    this.ring = ring;
    this.window.fit(ring.columns);
    this.ready = Number.isFinite(this.window.low);
    if (!this.ready) {
      pen.fillStyle = this.theme.muted;
      pen.fillText("waiting for the venue's order book", 12, this.plot.height / 2);
      return;
    }
    this.grid.fill(ring, this.window, this.plot.height, LEAST_ROW);
    this.drawCells(pen);
    this.drawLines(pen, ring.columns);
    this.drawBook(pen, ring.newest);
    this.drawAxes(pen, ring.newest);
  }

  /**
   * @param {Pen} pen
   */
  drawCells(pen) {
    const { columns, rows, cells } = this.grid;
    const { width, height } = this.cells;
    if (width !== columns || height !== rows) [this.cells.width, this.cells.height] = [columns, rows];
    const image = new ImageData(columns, rows);
    const pixels = new Uint32Array(image.data.buffer);
    for (let row = 0; row < rows; row++) {
      for (let at = 0; at < columns; at++) {
        const size = cells[row * columns + at];
        const place = size > 0 ? FAINTEST + Math.round((255 - FAINTEST) * this.grid.shade(size)) : 0;
        pixels[(rows - 1 - row) * columns + at] = this.colours[place];
      }
    }
    penOf(this.cells).putImageData(image, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(this.cells, 0, 0, this.plot.width, this.plot.height);
  }

  /**
   * @param {Pen} pen
   * @param {Column[]} columns
   */
  drawLines(pen, columns) {
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, this.plot.width, this.plot.height);
    pen.clip();
    pen.lineJoin = "round";
    /** @type {["bid" | "ask" | "last", string, number][]} */
    const lines = [["bid", this.theme.up, 1.4], ["ask", this.theme.down, 1.4], ["last", this.theme.text, 1.8]];
    for (const [name, colour, thick] of lines) {
      pen.beginPath();
      let down = false;
      for (const column of columns) {
        const tick = column[name];
        if (Number.isFinite(tick)) {
          const [x, y] = [this.x(column.index), this.y(tick)];
          if (down) pen.lineTo(x, y);
          else pen.moveTo(x, y);
          pen.lineTo(x + this.pitch, y);
        }
        down = Number.isFinite(tick);
      }
      // A rim of the background keeps a line apart from the colours it crosses.
      pen.globalAlpha = 0.75;
      pen.strokeStyle = this.theme.background;
      pen.lineWidth = thick + 2;
      pen.stroke();
      pen.globalAlpha = 1;
      pen.strokeStyle = colour;
      pen.lineWidth = thick;
      pen.stroke();
    }
    pen.restore();
  }

  /**
   * The newest column once more, as bars whose length is the size.
   * @param {Pen} pen
   * @param {Column} [column]
   */
  drawBook(pen, column) {
    const room = this.width - RIGHT - this.plot.width;
    if (!room || !column) return;
    const thick = Math.max(1, this.plot.height / this.grid.rows - 1);
    /** @type {Map<string, { row: number, side: "up" | "down", size: number }>} */
    const rows = new Map();
    column.ticks.forEach((tick, i) => {
      const row = Math.floor((tick - this.grid.low) / this.grid.perRow);
      const side = i < column.bids ? "up" : "down";
      const key = `${side}${row}`;
      rows.set(key, { row, side, size: (rows.get(key)?.size ?? 0) + column.sizes[i] });
    });
    const most = Math.max(...[...rows.values()].map(({ size }) => size), this.grid.sizeAt(0.9));
    pen.save();
    pen.beginPath();
    pen.rect(this.plot.width, 0, room, this.plot.height);
    pen.clip();
    pen.globalAlpha = 0.8;
    for (const { row, side, size } of rows.values()) {
      const y = this.plot.height * (1 - (row + 0.5) / this.grid.rows);
      pen.fillStyle = this.theme[side];
      pen.fillRect(this.plot.width + 5, y - thick / 2, Math.max(1, ((room - 10) * size) / most), thick);
    }
    pen.restore();
  }

  /**
   * @param {Pen} pen
   * @param {Column} [newest]
   */
  drawAxes(pen, newest) {
    const { settings, theme, words } = this;
    const [left, bottom] = [this.width - RIGHT + 8, this.plot.height];
    const { low, rows, perRow } = this.grid;
    const last = newest?.last ?? NaN;
    const chip = Number.isFinite(last) ? this.y(last) : NaN;
    this.labels = [];
    pen.fillStyle = theme.muted;
    pen.strokeStyle = theme.text;
    pen.lineWidth = 1;
    for (const tick of priceTicks(low, low + rows * perRow - 1, settings.step, bottom, 34)) {
      const y = this.y(tick);
      pen.globalAlpha = 0.08;
      this.line(pen, 0, Math.round(y) + 0.5, this.width - RIGHT, Math.round(y) + 0.5);
      pen.globalAlpha = 1;
      // The label of the last price hides no other half.
      const free = Math.abs(y - chip) > 15 && y > 7 && y < bottom - 7;
      if (free) this.label(pen, words.price(tick * settings.step), left, y);
    }
    pen.textAlign = "center";
    const seconds = settings.interval;
    const { first, columns } = this.grid;
    for (const index of clockTicks(first, first + columns, seconds, this.plot.width, 96)) {
      const x = this.x(index);
      pen.globalAlpha = 0.06;
      this.line(pen, Math.round(x) + 0.5, 0, Math.round(x) + 0.5, bottom);
      pen.globalAlpha = 1;
      const inside = x > 28 && x < this.plot.width - 20;
      if (inside) this.label(pen, words.time(index * seconds * 1000), x, bottom + BOTTOM / 2 + 1);
    }
    pen.textAlign = "left";
    if (Number.isFinite(chip) && chip > 0 && chip < bottom) {
      this.chip(pen, words.price(last * settings.step), chip, theme.text);
    }
  }

  /**
   * A text on an axis, and where it is.
   * @param {Pen} pen
   * @param {string} text
   * @param {number} x
   * @param {number} y
   */
  label(pen, text, x, y) {
    pen.fillText(text, x, y);
    const width = pen.measureText(text).width;
    this.labels.push({ x: pen.textAlign === "center" ? x - width / 2 : x, y: y - 7, width, height: 14 });
  }

  /**
   * @param {Pen} pen
   * @param {number} x1
   * @param {number} y1
   * @param {number} x2
   * @param {number} y2
   */
  line(pen, x1, y1, x2, y2) {
    pen.beginPath();
    pen.moveTo(x1, y1);
    pen.lineTo(x2, y2);
    pen.stroke();
  }

  /**
   * A filled label on the price axis.
   * @param {Pen} pen
   * @param {string} text
   * @param {number} y
   * @param {string} colour
   */
  chip(pen, text, y, colour) {
    pen.fillStyle = colour;
    pen.beginPath();
    pen.roundRect(this.width - RIGHT + 2, y - 9, RIGHT - 4, 18, 3);
    pen.fill();
    pen.fillStyle = textOn(colour);
    pen.fillText(text, this.width - RIGHT + 8, y + 0.5);
  }

  // -- the crosshair ------------------------------------------------------------------------------------

  /**
   * Draw the crosshair at a place, or take it away; return what it says.
   * @param {Place | null} at
   */
  cross(at) {
    const pen = penOf(this.over);
    pen.clearRect(0, 0, this.width, this.height);
    if (!at || !this.ready || at.x >= this.plot.width || at.y >= this.plot.height || at.x < 0 || at.y < 0) return null;
    const { theme, settings, words } = this;
    const [index, tick] = [this.indexAt(at.x), this.tickAt(at.y)];
    const column = this.ring?.at(index);
    const size = column ? this.grid.size(index, tick) : 0;
    const side = column && tick <= column.bid ? "bid" : "ask";
    const said = {
      price: words.price(tick * settings.step),
      time: words.time(index * settings.interval * 1000),
      size: size > 0 ? `${words.size(size)} ${side}` : "–",
    };
    pen.font = FONT;
    pen.textBaseline = "middle";
    pen.setLineDash([4, 4]);
    pen.strokeStyle = theme.text;
    pen.globalAlpha = 0.6;
    this.line(pen, 0, at.y, this.width - RIGHT, at.y);
    this.line(pen, at.x, 0, at.x, this.plot.height);
    pen.globalAlpha = 1;
    pen.setLineDash([]);
    this.hideLabels(pen, at);
    this.chip(pen, said.price, at.y, theme.muted);
    this.box(pen, said.time, Math.min(Math.max(at.x, 32), this.plot.width - 32), this.plot.height + BOTTOM / 2, theme.muted, "center");
    const right = at.x < this.plot.width - 110;
    this.box(pen, said.size, at.x + (right ? 12 : -12), Math.max(at.y - 16, 12), theme.text, right ? "left" : "right");
    return said;
  }

  /**
   * Cover the axes' own labels that the crosshair's would cover by half.
   * @param {Pen} pen
   * @param {Place} at
   */
  hideLabels(pen, at) {
    pen.fillStyle = this.theme.background;
    for (const { x, y, width, height } of this.labels) {
      const inPrices = x > this.plot.width && Math.abs(y + height / 2 - at.y) < 17;
      const inTimes = y > this.plot.height && Math.abs(x + width / 2 - at.x) < width + 14;
      if (inPrices || inTimes) pen.fillRect(x - 1, y, width + 2, height);
    }
  }

  /**
   * A filled label anywhere.
   * @param {Pen} pen
   * @param {string} text
   * @param {number} x
   * @param {number} y
   * @param {string} colour
   * @param {"left" | "center" | "right"} align
   */
  box(pen, text, x, y, colour, align) {
    const width = pen.measureText(text).width + 12;
    const left = align === "center" ? x - width / 2 : align === "left" ? x : x - width;
    pen.fillStyle = colour;
    pen.beginPath();
    pen.roundRect(left, y - 9, width, 18, 3);
    pen.fill();
    pen.fillStyle = textOn(colour);
    pen.fillText(text, left + 6, y + 0.5);
  }
}
