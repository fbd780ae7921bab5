// Hands: pointer, wheel and keys, and the changes that they ask for.

function show(viewer, change, glide = false) {
  const { view } = viewer.memory;
  const goal = { ...view, ...change };
  if (glide && !matchMedia("(prefers-reduced-motion: reduce)").matches) return startGlide(viewer, goal);
  viewer.goal = null;
  Object.assign(view, goal);
  refresh(viewer);
}

// The zoom runs evenly, and the centre so that the point zoomed about stays where it is.
function startGlide(viewer, goal) {
  const { view } = viewer.memory;
  const [from, began] = [{ ...view }, performance.now()];
  const advance = (now) => {
    if (viewer.goal !== goal) return;
    const share = 1 - (1 - clamp((now - began) / GLIDE_MS, 0, 1)) ** 3;
    const zoom = from.zoom * (goal.zoom / from.zoom) ** share;
    const way = goal.zoom === from.zoom ? share : (1 / from.zoom - 1 / zoom) / (1 / from.zoom - 1 / goal.zoom);
    Object.assign(view, { zoom, x: from.x + way * (goal.x - from.x), y: from.y + way * (goal.y - from.y) });
    refresh(viewer);
    if (share < 1) requestAnimationFrame(advance);
    else viewer.goal = null;
  };
  viewer.goal = goal;
  requestAnimationFrame(advance);
}

// Whoever presses again before a glide is over means to go on from its end.
function finishGlide(viewer) {
  if (!viewer.goal) return;
  Object.assign(viewer.memory.view, viewer.goal);
  viewer.goal = null;
  place(viewer);
}

function zoomAbout(viewer, point, factor, glide = false) {
  finishGlide(viewer);
  carry(viewer, point, point, factor, glide);
}

// What lies under `from` comes to lie under `to`, larger by the factor. Reckoned from the centre, which unlike
// the corner is not rounded to whole pixels: errors would add up over a slow drag.
function carry(viewer, from, to, factor = 1, glide = false) {
  const { spot, room, size } = viewer;
  const zoom = clamp(spot.zoom * factor, 1, spot.most);
  const scale = (spot.scale * zoom) / spot.zoom;
  const middle = halves(room);
  const x = spot.x + ((from.x - middle.x) / spot.scale - (to.x - middle.x) / scale) / size[0];
  const y = spot.y + ((from.y - middle.y) / spot.scale - (to.y - middle.y) / scale) / size[1];
  show(viewer, { x, y, zoom }, glide);
}

function reset(viewer) {
  show(viewer, { x: 0.5, y: 0.5, zoom: 1 }, true);
}

// Moves the view no more than it takes to see the whole cell.
function reveal(viewer, cell) {
  if (!viewer.spot) return;
  finishGlide(viewer);
  const { spot, room } = viewer;
  const excess = (start, length) => Math.min(0, length - start - spot.scale) + Math.max(0, -start);
  const dx = excess(spot.left + cell[0] * spot.scale, room.width);
  const dy = excess(spot.top + cell[1] * spot.scale, room.height);
  if (Math.abs(dx) >= 1 || Math.abs(dy) >= 1) carry(viewer, { x: 0, y: 0 }, { x: dx, y: dy });
}

function choose(viewer, cell) {
  if (!cell) return;
  viewer.memory.cell = cell;
  drawMarks(viewer); // at once: nobody need wait for Python
  announce(viewer, cell);
  viewer.tell(cell);
}

function listen(viewer) {
  const { frame } = viewer;
  frame.onwheel = (event) => turnWheel(viewer, event);
  frame.onpointerdown = (event) => press(viewer, event);
  frame.onpointermove = (event) => move(viewer, event);
  frame.onpointerup = (event) => release(viewer, event, true);
  frame.onpointercancel = (event) => release(viewer, event, false);
  frame.onpointerleave = () => hover(viewer, null);
  frame.ondblclick = () => reset(viewer);
  frame.onkeydown = (event) => pressKey(viewer, event);
  frame.onfocus = () => frame.matches(":focus-visible") && walkTo(viewer, startOfWalk(viewer));
  frame.onblur = () => walkTo(viewer, null);
}

function locate(viewer, event) {
  const box = viewer.frame.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function hover(viewer, at) {
  viewer.at = at;
  if (viewer.spot) drawMarks(viewer);
}

// A wheel alone scrolls the page. Browsers report a pinch on a touchpad as a wheel with ctrl and small steps.
function turnWheel(viewer, event) {
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1);
  const rate = Math.abs(pixels) < 40 ? 0.01 : 0.0022;
  viewer.at = locate(viewer, event);
  zoomAbout(viewer, viewer.at, Math.exp(-clamp(pixels, -300, 300) * rate));
}

function press(viewer, event) {
  if (event.button !== 0) return;
  viewer.frame.setPointerCapture(event.pointerId);
  viewer.pointers.set(event.pointerId, locate(viewer, event));
  viewer.grasped = { ...grasp(viewer.pointers), moved: viewer.pointers.size > 1 };
  finishGlide(viewer);
}

function move(viewer, event) {
  const at = locate(viewer, event);
  if (!viewer.pointers.has(event.pointerId)) return hover(viewer, at);
  viewer.pointers.set(event.pointerId, at);
  const [before, after] = [viewer.grasped, grasp(viewer.pointers)];
  const slack = event.pointerType === "touch" ? 10 : 4; // a finger never holds still
  if (!before.moved && Math.hypot(after.x - before.x, after.y - before.y) < slack) return;
  viewer.grasped = { ...after, moved: true };
  viewer.root.classList.add("grabbing");
  carry(viewer, before, after, before.spread > 0 ? after.spread / before.spread : 1);
}

function release(viewer, event, meant) {
  if (!viewer.pointers.delete(event.pointerId)) return;
  const moved = viewer.grasped.moved;
  viewer.grasped = viewer.pointers.size ? { ...grasp(viewer.pointers), moved } : null;
  if (viewer.pointers.size) return;
  viewer.root.classList.remove("grabbing");
  if (meant && !moved) choose(viewer, cellAt(viewer, locate(viewer, event)));
}
