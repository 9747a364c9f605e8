// The style of what we draw in a chart, but for its toolbar and what alerts say.

export const VIEW_STYLE = `
.mdnb-chart { position: relative; width: 100%; font: 12px system-ui, -apple-system, "Segoe UI", sans-serif;
  font-variant-numeric: tabular-nums; }
.mdnb-chart .mdnb-over { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none;
  overflow: hidden; }
.mdnb-legend, .mdnb-chart .mdnb-badge { position: absolute; pointer-events: none; white-space: pre;
  overflow: hidden; text-overflow: ellipsis; color: var(--mdnb-muted); }
.mdnb-legend { left: 10px; }
.mdnb-chart .mdnb-badge { font-size: 11px; }
.mdnb-legend b, .mdnb-legend .name { color: var(--mdnb-text); }
.mdnb-legend b { font-weight: 600; }
.mdnb-legend .value { color: var(--mdnb-value); }
.mdnb-over-label, .mdnb-pane-label { position: absolute; left: 10px; pointer-events: none; white-space: pre;
  color: var(--mdnb-muted); font-size: 11px; line-height: 15px; }
.mdnb-over-label .value, .mdnb-pane-label .value { margin-left: 7px; }
.mdnb-axis-prices, .mdnb-axis-times { position: absolute; touch-action: none; }
.mdnb-axis-prices { cursor: ns-resize; }
.mdnb-axis-times { cursor: ew-resize; }
.mdnb-latest { position: absolute; width: 26px; height: 26px; border-radius: 13px; padding: 0; font-size: 15px;
  line-height: 22px; cursor: pointer; border: 1px solid var(--mdnb-grid); color: var(--mdnb-text);
  background: var(--mdnb-background); opacity: 0.9; }
.mdnb-latest:hover, .mdnb-latest:focus-visible { border-color: var(--mdnb-muted); opacity: 1; }
.mdnb-latest[hidden] { display: none; }
`;
