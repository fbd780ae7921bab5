// Hands: pointer, wheel and keys, and the changes of the view that they ask for.

function show(viewer, change, glide = false) {
  Object.assign(viewer.memory.view, change);
  viewer.root.classList.toggle("glide", glide);
  render(viewer);
}

function zoomAbout(viewer, point, factor, glide = true) {
  const { spot, room, size } = viewer;
  const zoom = clamp(spot.zoom * factor, 1, spot.most);
  const scale = (spot.scale * zoom) / spot.zoom;
  const x = ((point.x - spot.left) / spot.scale + (room.width / 2 - point.x) / scale) / size[0];
  const y = ((point.y - spot.top) / spot.scale + (room.height / 2 - point.y) / scale) / size[1];
  show(viewer, { x, y, zoom }, glide);
}

function pan(viewer, dx, dy, glide = true) {
  const { spot, size } = viewer;
  show(viewer, { x: spot.x - dx / (spot.scale * size[0]), y: spot.y - dy / (spot.scale * size[1]) }, glide);
}

function reset(viewer) {
  show(viewer, { x: 0.5, y: 0.5, zoom: 1 }, true);
}

function act(viewer, change) {
  change();
  settle(viewer);
}

// Python reruns the page for every report, so it is told once, when the hand rests.
function settle(viewer) {
  clearTimeout(viewer.settling);
  viewer.settling = setTimeout(() => report(viewer), SETTLE_MS);
}

function report(viewer) {
  const view = { ...viewer.memory.view, x: viewer.spot.x, y: viewer.spot.y, zoom: viewer.spot.zoom };
  for (const name of Object.keys(view)) view[name] = Number(view[name].toFixed(6)); // as in Python's View
  const told = JSON.stringify(view);
  if (told === viewer.memory.told || viewer.pointers.size) return;
  viewer.memory.told = told;
  viewer.send("view", view);
}


function listen(viewer, frame) {
  frame.onwheel = (event) => turnWheel(viewer, event);
  frame.onpointerdown = (event) => press(viewer, event);
  frame.onpointermove = (event) => move(viewer, event);
  frame.onpointerup = frame.onpointercancel = (event) => release(viewer, event);
  frame.onpointerleave = frame.onblur = () => point(viewer, null);
  frame.onfocus = () => frame.matches(":focus-visible") && point(viewer, halves(viewer.room));
  frame.ondblclick = () => act(viewer, () => reset(viewer));
  frame.onkeydown = (event) => pressKey(viewer, event);
}

function locate(event) {
  const box = event.currentTarget.querySelector(".clip").getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function point(viewer, cursor) {
  viewer.cursor = cursor;
  render(viewer);
}

function turnWheel(viewer, event) {
  const { spot } = viewer;
  const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1);
  // Browsers report a pinch on a touchpad as a wheel with ctrl and small steps.
  const factor = Math.exp(-clamp(pixels, -300, 300) * (event.ctrlKey ? 0.01 : 0.0022));
  if (factor <= 1 && spot.zoom === 1 && !event.ctrlKey) return; // the picture is whole: scroll the page
  event.preventDefault();
  viewer.cursor = locate(event);
  act(viewer, () => zoomAbout(viewer, viewer.cursor, factor, false));
}

function press(viewer, event) {
  if (event.button !== 0) return;
  const at = locate(event);
  event.currentTarget.setPointerCapture(event.pointerId);
  viewer.pointers.set(event.pointerId, at);
  if (viewer.pointers.size > 1) viewer.takesBar = false;
  else viewer.takesBar = viewer.mode === "slider" && nearBar(viewer, at);
  viewer.root.classList.toggle("grabbing", !viewer.takesBar);
}

function nearBar(viewer, at) {
  return Math.abs(at.x - viewer.memory.view.split * viewer.room.width) <= BAR_REACH_PX;
}

function move(viewer, event) {
  const before = grasp(viewer.pointers);
  viewer.cursor = locate(event);
  if (!viewer.pointers.has(event.pointerId)) return render(viewer);
  viewer.pointers.set(event.pointerId, viewer.cursor);
  if (viewer.takesBar) return show(viewer, { split: clamp(viewer.cursor.x / viewer.room.width, 0, 1) });
  const after = grasp(viewer.pointers);
  pan(viewer, after.x - before.x, after.y - before.y, false);
  if (before.spread > 0) zoomAbout(viewer, after, after.spread / before.spread, false);
}

function release(viewer, event) {
  viewer.pointers.delete(event.pointerId);
  if (viewer.pointers.size) return;
  viewer.root.classList.remove("grabbing");
  settle(viewer);
}

function pressKey(viewer, event) {
  if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
  const centre = halves(viewer.room);
  const [dx, dy] = [viewer.room.width * KEY_PAN, viewer.room.height * KEY_PAN];
  const action = {
    "ArrowLeft": () => pan(viewer, dx, 0), "ArrowRight": () => pan(viewer, -dx, 0),
    "ArrowUp": () => pan(viewer, 0, dy), "ArrowDown": () => pan(viewer, 0, -dy),
    "+": () => zoomAbout(viewer, centre, STEP), "=": () => zoomAbout(viewer, centre, STEP),
    "-": () => zoomAbout(viewer, centre, 1 / STEP), "0": () => reset(viewer),
  }[event.key];
  if (!action) return;
  event.preventDefault();
  viewer.cursor = centre; // whoever uses keys reads the classes in the middle
  act(viewer, action);
}
