// Whether the page is dark or light, as JupyterLab, Notebook, Voila and VS Code say it.

/** @returns {"dark" | "light"} */
export function pageTheme() {
  const { classList, dataset } = document.body;
  if (dataset.jpThemeLight !== undefined) return dataset.jpThemeLight === "false" ? "dark" : "light";
  return classList.contains("vscode-dark") || classList.contains("vscode-high-contrast") ? "dark" : "light";
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
