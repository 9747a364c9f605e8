// Tells the kernel whether the page is dark or light, now and whenever that changes.
// It draws nothing: a model's `initialize` runs as soon as the kernel creates the model.

function pageTheme() {
  const body = document.body;
  if (body.dataset.jpThemeLight !== undefined) {
    return body.dataset.jpThemeLight === "false" ? "dark" : "light";
  }
  // VS Code's names, then marimo's.
  const names = ["vscode-dark", "vscode-high-contrast", "dark-theme"];
  return names.some((name) => body.classList.contains(name)) ? "dark" : "light";
}

function initialize({ model }) {
  const tell = () => {
    model.set("theme", pageTheme());
    model.save_changes();
  };
  tell();
  const observer = new MutationObserver(tell);
  observer.observe(document.body, {
    attributes: true,
    attributeFilter: ["data-jp-theme-light", "class"],
  });
  return () => observer.disconnect();
}

export default { initialize };
