// The outlines of marks and alerts.

/**
 * Return a bell around a place.
 * @param {number} x
 * @param {number} y
 */
export const bell = (x, y) =>
  `M${(x - 4).toFixed(1)} ${(y + 3).toFixed(1)}h8c-1.2-1-1.5-2-1.5-4c0-2-1-3.2-2.5-3.2s-2.5 1.2-2.5 3.2` +
  "c0 2-.3 3-1.5 4zm2.8 .9a1.2 1.2 0 0 0 2.4 0z";

/**
 * Return the outline of a mark whose tip, next to the bar, is at `y`.
 * @param {string} side
 * @param {number} x
 * @param {number} y
 * @param {number} half of its width
 */
export function markShape(side, x, y, half) {
  const [left, middle] = [(x - half).toFixed(1), x.toFixed(1)];
  if (side === "buy") return `M${middle} ${y.toFixed(1)}L${(x + half).toFixed(1)} ${(y + 9).toFixed(1)}H${left}Z`;
  if (side === "sell") return `M${middle} ${y.toFixed(1)}L${(x + half).toFixed(1)} ${(y - 9).toFixed(1)}H${left}Z`;
  if (side === "alert") return bell(x, y - 5);
  const radius = Math.min(half, 4);
  const [across, begin] = [2 * radius, (x - radius).toFixed(1)];
  return `M${begin} ${(y - 5).toFixed(1)}a${radius} ${radius} 0 1 0 ${across} 0a${radius} ${radius} 0 1 0 ${-across} 0z`;
}
