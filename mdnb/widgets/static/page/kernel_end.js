// Whether the kernel that made a widget has ended, as JupyterLab, Notebook and Voila know it.

/** @type {Record<string, string>} */
const KERNEL_ENDS = {
  // A kernel that made a widget and is starting is another one by now.
  starting: "kernel restarted",
  restarting: "kernel restarted",
  autorestarting: "kernel restarted",
  terminating: "kernel gone",
  dead: "kernel gone",
};

/**
 * Say in words that a kernel has ended, when it does; return what stops listening.
 * @param {import("../types").Kernel | undefined} kernel
 * @param {(words: string) => void} tell
 * @returns {() => void}
 */
export function onKernelEnd(kernel, tell) {
  const { statusChanged, disposed } = kernel ?? {};
  if (!statusChanged?.connect) return () => {}; // other hosts show no kernel
  /** @type {(sender: unknown, status: string) => void} */
  const onStatus = (_, status) => {
    if (KERNEL_ENDS[status]) tell(KERNEL_ENDS[status]);
  };
  const onDisposed = () => tell("kernel gone");
  statusChanged.connect(onStatus);
  disposed?.connect(onDisposed);
  return () => {
    statusChanged.disconnect(onStatus);
    disposed?.disconnect(onDisposed);
  };
}
