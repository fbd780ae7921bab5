// Words: what the canvas says, on the screen and to screen readers.

function noteFor({ factor }, { step }) {
  const parts = [];
  if (step > 1) parts.push(`Every ${ordinal(step)} point`);
  if (factor !== 1) parts.push(`arrows ${factor}\u00a0× their true length`);
  const text = parts.join(", ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function ordinal(count) {
  const last = count % 100 > 10 && count % 100 < 14 ? 0 : count % 10;
  return `${count}${["th", "st", "nd", "rd"][last] ?? "th"}`;
}

function briefly(viewer, cell) {
  const [dx, dy] = meanOffset(viewer, cell).map(signed);
  return `Cell ${cell[0]}, ${cell[1]}: mean offset x\u00a0${dx}, y\u00a0${dy} px`;
}

function signed(value) {
  const text = Math.abs(value).toFixed(2);
  return `${Number(text) === 0 ? "" : value < 0 ? "\u2212" : "+"}${text}`;
}

function inWords(viewer, cell) {
  const offset = meanOffset(viewer, cell);
  const ways = [["left", "right"], ["up", "down"]];
  const moves = offset.flatMap((value, axis) => {
    const length = Math.abs(value).toFixed(2);
    return Number(length) === 0 ? [] : [`${length} pixels ${ways[axis][value < 0 ? 0 : 1]}`];
  });
  const chosen = String(cell) === String(viewer.memory.cell) ? ", chosen" : "";
  return `Column ${cell[0]}, row ${cell[1]}${chosen}: mean offset ${moves.join(" and ") || "zero"}.`;
}

// Spoken only when the cursor rests, or a screen reader would never finish a sentence.
function announce(viewer, cell) {
  clearTimeout(viewer.announcing);
  viewer.announcing = setTimeout(() => { viewer.live.textContent = inWords(viewer, cell); }, ANNOUNCE_MS);
}
