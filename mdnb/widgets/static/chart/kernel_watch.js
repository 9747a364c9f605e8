// Whether the kernel behind a chart is there: what the page knows of it, and whether it says anything.

import { onKernelEnd } from "../page/kernel_end.js";

/** @typedef {import("../types").Model} Model */
/**
 * What is watched over: the chart.
 * @typedef {{ visible: boolean, told: { tone: string }, kernelChanged: () => void }} Watched
 */

const SILENT_MS = 6500; // the kernel's sender says something every two or three seconds
const CHECK_MS = 1000;
const ASK_MS = 3000; // a kernel that was just being restarted never answers: it is asked again

/** Watches the kernel of a chart; what it finds is `status`, for the badge: null while all is well. */
export class KernelWatch {
  /**
   * @param {Watched} chart
   * @param {Model} runtime
   */
  constructor(chart, runtime) {
    this.chart = chart;
    this.runtime = runtime;
    /** @type {string | null} why the kernel is gone, in words */
    this.ended = null;
    this.silent = false;
    this.askedAt = -Infinity;
    this.heardAt = this.checkedAt = performance.now();
    this.timer = setInterval(() => this.check(), CHECK_MS);
    this.kernel = runtime?.widget_manager?.kernel;
    const stop = onKernelEnd(this.kernel, (words) => this.end(words));
    // All models of a kernel lose their connection at once, so any of them tells it.
    const onLive = () => {
      if (runtime.comm_live === false) this.end("kernel restarted");
    };
    runtime?.on?.("comm_live_update", onLive);
    this.disconnect = () => {
      stop();
      runtime?.off?.("comm_live_update", onLive);
    };
  }

  get status() {
    if (this.ended) return { text: this.ended, tone: "dead" };
    return this.silent ? { text: "no word from the kernel", tone: "warning" } : null;
  }

  /**
   * The kernel that made the chart has ended: nothing will come any more.
   * @param {string} words
   */
  end(words) {
    if (this.ended) return;
    this.ended = words;
    this.close();
    this.chart.kernelChanged();
  }

  heard() {
    this.heardAt = performance.now();
    if (this.silent) this.check();
  }

  check() {
    const now = performance.now();
    // A page that itself stood still has not read yet what the kernel said meanwhile.
    this.heardAt += Math.max(0, now - this.checkedAt - 2 * CHECK_MS);
    this.checkedAt = now;
    // Nothing is sent to what nobody sees, nor by a market that was closed.
    if (!this.chart.visible || this.chart.told.tone === "dead") this.heardAt = now;
    const silent = now - this.heardAt > SILENT_MS;
    if (silent) this.ask();
    if (silent === this.silent) return;
    this.silent = silent;
    this.chart.kernelChanged();
  }

  /** Ask a silent kernel whether it knows us: one that somebody else restarted tells nobody that it was. */
  async ask() {
    const now = performance.now();
    if (now - this.askedAt < ASK_MS || !this.kernel?.requestCommInfo) return;
    this.askedAt = now;
    try {
      const { content } = await this.kernel.requestCommInfo({ target_name: "jupyter.widget" });
      if (content.comms && !(String(this.runtime.model_id) in content.comms)) this.end("kernel restarted");
    } catch (error) {
      console.debug(`the kernel cannot be asked: ${error}`);
    }
  }

  close() {
    clearInterval(this.timer);
    this.disconnect();
  }
}
