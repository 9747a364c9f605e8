// JupyterLab takes arrows for commands of its own, such as going to the next cell, before a list that has the
// focus hears of them. In our controls a list keeps its keys; what is pressed with Ctrl or Cmd is Lab's.

window.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey) return;
  if (event.target instanceof Element && event.target.matches(".mdnb-bar select")) event.stopPropagation();
}, true);
