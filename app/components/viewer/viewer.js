// The picture viewer: several panes, or one pane with a before/after bar, that share one view.
//
// Words used here. A *pane* shows one layer (two with the bar) over the photograph, inside its *frame*.
// The pictures lie on a *stage* measured in picture pixels; one CSS transform places all stages alike.
// The *view* (centre, zoom, opacity, split) is what Python sets and is told; the *spot* is what the
// present window makes of it: clamped, and in CSS pixels of the frame.

const MOST_DEVICE_PX = 64; // no picture pixel is shown larger than this
const OUTLINE_FROM_PX = 14; // from here on a pixel is marked by its outline, below by a cross
const BAR_REACH_PX = 20; // a press this near the bar takes the bar
const GAP_PX = 20; // between panes, as in the style sheet
const STEP = 1.5; // zoom of one press of a button or key
const KEY_PAN = 0.1; // part of the frame that an arrow key moves
const SETTLE_MS = 200;
const ANNOUNCE_MS = 500;
const HINT = "Scroll or pinch to zoom, drag to move, double-click to reset";

const viewers = new WeakMap(); // root element -> viewer
const memories = new Map(); // key -> {token, view, told}: these outlive a remount of the elements

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".viewer");
  if (!viewers.has(root)) viewers.set(root, createViewer(root));
  const viewer = viewers.get(root);
  viewer.send = setStateValue;
  takeView(viewer, data);
  takePictures(viewer, data);
  viewer.observer.observe(viewer.grid);
  render(viewer);
  return () => {
    viewer.observer.disconnect();
    clearTimeout(viewer.settling);
    clearTimeout(viewer.announcing);
  };
}

// Data is sent again for many reasons (theme, other layers); only a new revision may move the user's view.
function takeView(viewer, data) {
  const token = JSON.stringify([data.revision, data.view]);
  if (memories.get(data.key)?.token !== token) {
    memories.set(data.key, { token, view: { ...data.view }, told: JSON.stringify(data.view) });
  }
  viewer.memory = memories.get(data.key);
}
