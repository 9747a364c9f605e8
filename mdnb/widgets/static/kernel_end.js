// Whether the kernel that made a widget has ended, as JupyterLab, Notebook and Voila know it.

const KERNEL_ENDS = {
  // A kernel that made a widget and is starting is another one by now.
  starting: "kernel restarted", restarting: "kernel restarted", autorestarting: "kernel restarted",
  terminating: "kernel gone", dead: "kernel gone",
};

/** Say in words that a kernel has ended, when it does; return what stops listening. */
function onKernelEnd(kernel, tell) {
  if (!kernel?.statusChanged?.connect) return () => {}; // other hosts show no kernel
  const onStatus = (_, status) => KERNEL_ENDS[status] && tell(KERNEL_ENDS[status]);
  const onDisposed = () => tell("kernel gone");
  kernel.statusChanged.connect(onStatus);
  kernel.disposed?.connect(onDisposed);
  return () => {
    kernel.statusChanged.disconnect(onStatus);
    kernel.disposed?.disconnect(onDisposed);
  };
}
