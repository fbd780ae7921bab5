// What the picture viewer and the offset canvas share: toolbar, geometry and hands.
//
// Words used here. A *viewer* shows a picture of `size` inside a frame. The *view* (centre as share of the picture,
// zoom) is what the user moves; the *spot* is what the present window, with its `room`, makes of it: clamped, and in
// CSS pixels of the frame. `viewer.show(change, glide)` changes the view and draws.

const STEP = 1.5; // zoom of one press of a button or key
const ANNOUNCE_MS = 400;
const WHOLE = { x: 0.5, y: 0.5, zoom: 1 };

const viewers = new WeakMap(); // root element -> viewer

function viewerOf(root, create) {
  if (!viewers.has(root)) viewers.set(root, create(root));
  return viewers.get(root);
}

// Toolbar: the same buttons for zoom before what each has of its own.

function createToolbar(viewer, zoom, reset) {
  const { root } = viewer;
  const toolbar = root.querySelector(".toolbar");
  toolbar.prepend(root.parentElement.querySelector(".toolbar-template").content.cloneNode(true));
  for (const name of ["out", "in", "percent", "status", "live"]) viewer[name] = root.querySelector(`.${name}`);
  viewer.out.onclick = () => zoom(1 / STEP);
  viewer.in.onclick = () => zoom(STEP);
  const button = toolbar.querySelector(".reset");
  button.onclick = reset;
  button.ariaLabel = `Reset: show the whole ${toolbar.dataset.picture}`;
  button.title = `Show the whole ${toolbar.dataset.picture} (0)`;
}

function drawZoom(viewer) {
  const { spot, root } = viewer;
  viewer.percent.textContent = percent(spot.zoom);
  viewer.out.setAttribute("aria-disabled", spot.zoom <= 1);
  viewer.in.setAttribute("aria-disabled", spot.zoom >= spot.most);
  root.classList.toggle("zoomed", spot.zoom > 1);
}

function setVariables(viewer, values) {
  for (const [name, value] of Object.entries(values)) viewer.root.style.setProperty(`--${name}`, value);
}

// Spoken only when things rest, or a screen reader would never finish a sentence.
function announce(viewer, words) {
  clearTimeout(viewer.announcing);
  viewer.announcing = setTimeout(() => { viewer.live.textContent = words(); }, ANNOUNCE_MS);
}

// Geometry: pure functions of the view, the frame's room and the picture's size.

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const percent = (share) => `${Math.round(share * 100)}\u00a0%`;
const halves = (room) => ({ x: room.width / 2, y: room.height / 2 });

// Very long or tall pictures get bands beside them, not a frame too thin to point at.
const shapeOf = ([width, height]) => clamp(width / height, 0.4, 4);

// No pixel of the picture is shown larger than `mostDevicePx`.
function placePicture(view, room, [width, height], mostDevicePx) {
  const fit = Math.min(room.width / width, room.height / height);
  const most = Math.max(1, mostDevicePx / (fit * devicePixelRatio));
  const zoom = clamp(view.zoom, 1, most);
  const scale = fit * zoom;
  const x = keepInside(view.x, room.width / (2 * width * scale));
  const y = keepInside(view.y, room.height / (2 * height * scale));
  const left = snap(room.width / 2 - x * width * scale);
  const top = snap(room.height / 2 - y * height * scale);
  return { x, y, zoom, most, scale, left, top };
}

// `half` is half of the visible part; a picture smaller than the frame is centred.
function keepInside(centre, half) {
  return half >= 0.5 ? 0.5 : clamp(centre, half, 1 - half);
}

// Whole device pixels keep the borders of enlarged picture pixels sharp.
function snap(length) {
  return Math.round(length * devicePixelRatio) / devicePixelRatio;
}

// Column and row of the picture's pixel under a point of the frame; null beside the picture.
function pixelAt({ spot, size }, { x, y }) {
  const pixel = [Math.floor((x - spot.left) / spot.scale), Math.floor((y - spot.top) / spot.scale)];
  return pixel.every((index, axis) => index >= 0 && index < size[axis]) ? pixel : null;
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
  viewer.show({ x, y, zoom }, glide);
}

// Hands: `hands` says what comes of what pointer, wheel and keys do to a frame.
//
//   point(at): a pointer moves without being pressed; null when it has left
//   press(at), carry(from, to, factor), release(at, { moved, meant }): one or several are pressed, moved, let go
//   slack(event): CSS pixels that a pressed pointer may wander before it counts as moved
//   wheel(event, at): the wheel turns
//   enter(), leave(): the focus comes by key, and goes
//   zoom(factor), reset(), keys: what keys do, by their names; key() comes before each

function listen(viewer, frame, hands) {
  const keys = { "+": () => hands.zoom(STEP), "-": () => hands.zoom(1 / STEP), "0": hands.reset, ...hands.keys };
  keys["="] = keys["+"];
  frame.onwheel = (event) => hands.wheel(event, locate(event));
  frame.onpointerdown = (event) => press(viewer, hands, event);
  frame.onpointermove = (event) => move(viewer, hands, event);
  frame.onpointerup = (event) => release(viewer, hands, event, true);
  frame.onpointercancel = (event) => release(viewer, hands, event, false);
  frame.onpointerleave = () => hands.point(null);
  frame.onfocus = () => frame.matches(":focus-visible") && hands.enter();
  frame.onblur = hands.leave;
  frame.ondblclick = hands.reset;
  frame.onkeydown = (event) => pressKey(hands, keys, event);
}

function locate(event) {
  const box = event.currentTarget.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function press(viewer, hands, event) {
  if (event.button !== 0) return;
  event.currentTarget.setPointerCapture(event.pointerId);
  viewer.pointers.set(event.pointerId, locate(event));
  viewer.grasped = { ...grasp(viewer.pointers), moved: viewer.pointers.size > 1 };
  hands.press(locate(event));
}

function move(viewer, hands, event) {
  const at = locate(event);
  if (!viewer.pointers.has(event.pointerId)) return hands.point(at);
  viewer.pointers.set(event.pointerId, at);
  const [before, after] = [viewer.grasped, grasp(viewer.pointers)];
  if (!before.moved && Math.hypot(after.x - before.x, after.y - before.y) < hands.slack(event)) return;
  viewer.grasped = { ...after, moved: true };
  hands.carry(before, after, before.spread > 0 ? after.spread / before.spread : 1);
}

function release(viewer, hands, event, meant) {
  if (!viewer.pointers.delete(event.pointerId)) return;
  const { moved } = viewer.grasped;
  viewer.grasped = viewer.pointers.size ? { ...grasp(viewer.pointers), moved } : null;
  if (viewer.grasped) return;
  viewer.root.classList.remove("grabbing");
  hands.release(locate(event), { moved, meant });
}

// Centre and spread of the pressed pointers: one finger drags, two pinch, with the same arithmetic.
function grasp(pointers) {
  const points = [...pointers.values()];
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / Math.max(1, points.length);
  const x = mean(points.map((point) => point.x));
  const y = mean(points.map((point) => point.y));
  return { x, y, spread: mean(points.map((point) => Math.hypot(point.x - x, point.y - y))) };
}

function wheelPixels(event) {
  return event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1);
}

// Browsers report a pinch on a touchpad as a wheel with ctrl and small steps.
function wheelFactor(event, isPinch) {
  return Math.exp(-clamp(wheelPixels(event), -300, 300) * (isPinch ? 0.01 : 0.0022));
}

function pressKey(hands, keys, event) {
  if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  hands.key();
  keys[event.key]();
}
