// The exchange with Python; exchange.py is its other half. A *value* may be changed here by the user and there by the
// page. Python is told the user's, and the revision that it answers.

const memories = new Map(); // key -> {token, value, told, ...}: these outlive a remount of the elements

// Data is sent again for many reasons (theme, other pictures); only a new revision may change the user's value, and
// makes the memory `fresh`.
function recall({ key, value, revision }, setStateValue) {
  const token = JSON.stringify([revision, value]);
  const memory = memories.get(key) ?? {};
  memories.set(key, memory);
  memory.send = setStateValue;
  if (memory.token === token) return memory;
  const told = JSON.stringify(value);
  return Object.assign(memory, { token, revision, told, value: structuredClone(value), fresh: true });
}

// Python reruns the page for every report, so nothing is told twice.
function report(memory, value = memory.value) {
  const told = JSON.stringify(value);
  if (told === memory.told) return;
  memory.told = told;
  memory.send("report", { value, answers: memory.revision });
}
