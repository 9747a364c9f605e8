// Whether the page is dark or light, as JupyterLab, Notebook, Voila and VS Code say it.

/** @returns {"dark" | "light"} */
export function pageTheme() {
  const { classList, dataset } = document.body;
  if (dataset.jpThemeLight !== undefined) return dataset.jpThemeLight === "false" ? "dark" : "light";
  // VS Code's names, then marimo's.
  const dark = ["vscode-dark", "vscode-high-contrast", "dark-theme"];
  return dark.some((name) => classList.contains(name)) ? "dark" : "light";
}

/**
 * Call a function whenever the page may have changed its theme; return what ends that.
 * @param {() => void} changed
 */
export function onPageTheme(changed) {
  const observer = new MutationObserver(changed);
  observer.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
  return () => observer.disconnect();
}
