// Hands: the changes of the view that pointer, wheel and keys ask for, and telling Python of them.

function createHands(viewer) {
  const act = (change) => {
    change();
    settle(viewer);
  };
  const pan = (x, y) => () => act(() => panBy(viewer, x, y));
  return {
    zoom: (factor) => act(() => zoomAbout(viewer, halves(viewer.room), factor)),
    reset: () => act(() => show(viewer, WHOLE, true)),
    wheel: (event, at) => act(() => turnWheel(viewer, event, at)),
    point: (at) => point(viewer, at),
    slack: () => 0,
    carry: (from, to, factor) => drag(viewer, from, to, factor),
    release: () => settle(viewer),
    enter: () => point(viewer, halves(viewer.room)),
    leave: () => point(viewer, null),
    key: () => { viewer.cursor = halves(viewer.room); }, // whoever uses keys reads the classes in the middle
    keys: {
      f: () => toggleScreen(viewer), F: () => toggleScreen(viewer),
      ArrowLeft: pan(KEY_PAN, 0), ArrowRight: pan(-KEY_PAN, 0), ArrowUp: pan(0, KEY_PAN), ArrowDown: pan(0, -KEY_PAN),
    },
  };
}

function show(viewer, change, glide = false) {
  Object.assign(viewer.memory.value, change);
  viewer.root.classList.toggle("glide", glide);
  render(viewer);
}

function zoomAbout(viewer, at, factor, glide = true) {
  carry(viewer, at, at, factor, glide);
}

// By shares of the frame.
function panBy(viewer, x, y) {
  const from = { x: 0, y: 0 };
  carry(viewer, from, { x: x * viewer.room.width, y: y * viewer.room.height }, 1, true);
}

function point(viewer, at) {
  viewer.cursor = at;
  render(viewer);
}

function turnWheel(viewer, event, at) {
  const factor = wheelFactor(event, event.ctrlKey);
  if (factor <= 1 && viewer.spot.zoom === 1 && !event.ctrlKey) return; // the picture is whole: scroll the page
  event.preventDefault();
  viewer.cursor = at;
  zoomAbout(viewer, at, factor, false);
}

function takeBar(viewer, at, hasBar) {
  const { room, memory } = viewer;
  const near = Math.abs(at.x - memory.value.split * room.width) <= BAR_REACH_PX;
  viewer.takesBar = viewer.pointers.size === 1 && hasBar && near;
  viewer.root.classList.toggle("grabbing", !viewer.takesBar);
}

function drag(viewer, from, to, factor) {
  viewer.cursor = to;
  if (viewer.takesBar) show(viewer, { split: clamp(to.x / viewer.room.width, 0, 1) });
  else carry(viewer, from, to, factor);
}

// Full screen: the viewer alone. Most browsers leave it at Escape by themselves. Some telephones have none.

function createScreen(viewer) {
  const { root } = viewer;
  const button = root.querySelector(".screen");
  button.hidden = !document.fullscreenEnabled;
  button.onclick = () => toggleScreen(viewer);
  root.onkeydown = (event) => {
    if (event.key === "Escape" && isFullScreen(viewer)) toggleScreen(viewer);
  };
  root.onfullscreenchange = () => {
    const fills = isFullScreen(viewer);
    button.ariaLabel = fills ? "Leave full screen" : "Full screen";
    button.title = fills ? "Leave full screen (f or Escape)" : "Full screen (f)";
    render(viewer);
  };
}

const isFullScreen = ({ root }) => root.matches(":fullscreen");

function toggleScreen(viewer) {
  if (!document.fullscreenEnabled) return;
  if (isFullScreen(viewer)) document.exitFullscreen();
  else viewer.root.requestFullscreen().catch(() => {}); // the browser may refuse: the page stays as it is
}

// Python is told once, when the hand rests.
function settle(viewer) {
  clearTimeout(viewer.settling);
  viewer.settling = setTimeout(() => tell(viewer), SETTLE_MS);
}

function tell(viewer) {
  if (viewer.pointers.size) return;
  const { x, y, zoom } = viewer.spot;
  const view = { ...viewer.memory.value, x, y, zoom };
  for (const name of Object.keys(view)) view[name] = Number(view[name].toFixed(6)); // as in Python's View
  report(viewer.memory, view);
}
