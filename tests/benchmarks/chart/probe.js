// Notes when the page shows another price, to the frame. `early` is for what is drawn on a canvas: its series is
// asked at the frame's beginning, since it draws what it holds then. What is in the document is asked at the end.
(read, early) => {
  const seen = [];
  const { port1, port2 } = new MessageChannel();
  let running = true;
  let last;
  let begun;
  const price = () => {
    try {
      return Math.round(read() * 1e4) / 1e4;
    } catch {
      return NaN;
    }
  };
  // A message sent by a frame's callback is taken when the frame is done.
  port1.onmessage = () => {
    const now = early ? begun : price();
    if (now !== last && !Number.isNaN(now)) {
      last = now;
      seen.push([now, performance.timeOrigin + performance.now()]);
    }
    if (running) requestAnimationFrame(frame);
  };
  const frame = () => {
    if (early) begun = price();
    port2.postMessage(0);
  };
  requestAnimationFrame(frame);
  return { seen, stop: () => ((running = false), seen) };
}
