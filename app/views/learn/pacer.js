// Asks for the next look when this one has been drawn and the browser has nothing else to do: with a timer,
// looks would pile up in a browser that draws more slowly than the server learns, and buttons would wait.
const PAUSE_MS = 100;
const PATIENCE_MS = 3000;

export default function ({ data, parentElement, setTriggerValue }) {
  const mark = parentElement.querySelector("span");
  if (mark.dataset.look === String(data.look)) return;
  mark.dataset.look = data.look;
  const ask = () => {
    if (mark.isConnected) setTriggerValue("drawn", data.look);
  };
  const whenIdle = window.requestIdleCallback ?? ((callback) => setTimeout(callback, PAUSE_MS));
  setTimeout(() => whenIdle(ask, { timeout: PATIENCE_MS }), PAUSE_MS);
}
