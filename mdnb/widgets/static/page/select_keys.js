// JupyterLab takes arrows for commands of its own, such as going to the next cell, before a list that has the
// focus hears of them. In our controls a list keeps its keys; what is pressed with Ctrl or Cmd is Lab's.

window.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey) return;
  // Of what lies in a shadow root, as in marimo, the window is told the host.
  const [inner] = event.composedPath();
  if (inner instanceof Element && inner.matches(".mdnb-bar select")) event.stopPropagation();
}, true);
