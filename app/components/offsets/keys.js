// Keys: a cursor that walks from cell to cell.

const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function pressKey(viewer, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const centre = halves(viewer.room);
  const enter = () => choose(viewer, viewer.walk ?? startOfWalk(viewer));
  const action = {
    "+": () => zoomWalk(viewer, STEP), "=": () => zoomWalk(viewer, STEP), "-": () => zoomWalk(viewer, 1 / STEP),
    "0": () => reset(viewer), "Enter": enter, " ": enter, "Escape": () => viewer.frame.blur(),
  }[event.key] ?? (WAYS[event.key] && (() => walk(viewer, WAYS[event.key])));
  if (!action) return;
  event.preventDefault();
  action();
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
  announce(viewer, cell);
}

// At the chosen cell if it can be seen, or in the middle of what can.
function startOfWalk(viewer) {
  const { spot, room, size, memory } = viewer;
  const centre = [(room.width / 2 - spot.left) / spot.scale, (room.height / 2 - spot.top) / spot.scale];
  const middle = centre.map((place, axis) => clamp(Math.floor(place), 0, size[axis] - 1));
  if (!memory.cell) return middle;
  const half = [room.width, room.height].map((length) => length / 2 / spot.scale);
  const seen = memory.cell.every((index, axis) => Math.abs(index + 0.5 - centre[axis]) <= half[axis]);
  return seen ? memory.cell : middle;
}
