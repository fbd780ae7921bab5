// Hands: the changes that pointer, wheel and keys ask for. Keys move a cursor that walks from cell to cell.

function createHands(viewer) {
  const step = (way) => () => walk(viewer, way);
  const enter = () => choose(viewer, viewer.walk ?? startOfWalk(viewer));
  return {
    zoom: (factor) => zoomWalk(viewer, factor),
    reset: () => reset(viewer),
    wheel: (event, at) => turnWheel(viewer, event, at),
    point: (at) => hover(viewer, at),
    press: () => finishGlide(viewer),
    slack: (event) => (event.pointerType === "touch" ? 10 : 4), // a finger never holds still
    carry: (from, to, factor) => {
      viewer.root.classList.add("grabbing");
      carry(viewer, from, to, factor);
    },
    release: (at, { moved, meant }) => meant && !moved && choose(viewer, pixelAt(viewer, at)),
    enter: () => walkTo(viewer, startOfWalk(viewer)),
    leave: () => walkTo(viewer, null),
    key: () => {},
    keys: {
      ArrowLeft: step([-1, 0]), ArrowRight: step([1, 0]), ArrowUp: step([0, -1]), ArrowDown: step([0, 1]),
      "Enter": enter, " ": enter, "Escape": () => viewer.frame.blur(),
    },
  };
}

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

function reset(viewer) {
  show(viewer, WHOLE, true);
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
  viewer.memory.value = cell;
  drawMarks(viewer); // at once: nobody need wait for Python
  speak(viewer, cell);
  report(viewer.memory);
}

function hover(viewer, at) {
  viewer.at = at;
  if (viewer.spot) drawMarks(viewer);
}

// A wheel alone scrolls the page.
function turnWheel(viewer, event, at) {
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  viewer.at = at;
  zoomAbout(viewer, at, wheelFactor(event, Math.abs(wheelPixels(event)) < 40));
}

// About the cursor, for that is what whoever uses keys looks at.
function zoomWalk(viewer, factor) {
  finishGlide(viewer);
  const { spot, room, walk } = viewer;
  const [x, y] = walk?.map((index, axis) => (axis ? spot.top : spot.left) + (index + 0.5) * spot.scale) ?? [];
  zoomAbout(viewer, walk ? { x, y } : halves(room), factor, true);
}

function walk(viewer, way) {
  const from = viewer.walk ?? startOfWalk(viewer);
  walkTo(viewer, from.map((index, axis) => clamp(index + way[axis], 0, viewer.size[axis] - 1)));
}

function walkTo(viewer, cell) {
  viewer.walk = cell;
  if (!viewer.spot) return;
  if (!cell) return drawMarks(viewer);
  reveal(viewer, cell);
  drawMarks(viewer);
  speak(viewer, cell);
}

// At the chosen cell if it can be seen, or in the middle of what can.
function startOfWalk(viewer) {
  const { spot, room, size, memory } = viewer;
  const centre = [(room.width / 2 - spot.left) / spot.scale, (room.height / 2 - spot.top) / spot.scale];
  const middle = centre.map((place, axis) => clamp(Math.floor(place), 0, size[axis] - 1));
  if (!memory.value) return middle;
  const half = [room.width, room.height].map((length) => length / 2 / spot.scale);
  const seen = memory.value.every((index, axis) => Math.abs(index + 0.5 - centre[axis]) <= half[axis]);
  return seen ? memory.value : middle;
}

function speak(viewer, cell) {
  announce(viewer, () => inWords(viewer, cell));
}
