// Keys of the quiz: letters choose, Enter checks and then goes on, arrows go on and back. What has the focus keeps the
// keys that it knows itself.

const LETTERS = "abcd";
const OWN_ENTER = "button, a, summary, input, textarea, select, [role=button], [role=application]";
const OWN_KEYS = "input:not([type=radio]), textarea, select, [role=application], [role=slider], [contenteditable=true]";

export default function ({ parentElement }) {
  window.addEventListener("keydown", press, true);
  parentElement.querySelector("span").dataset.listening = "";
  return () => window.removeEventListener("keydown", press, true);
}

function press(event) {
  const target = event.composedPath()[0];
  if (event.ctrlKey || event.metaKey || event.altKey || !(target instanceof Element)) return;
  if (target.closest(OWN_KEYS)) return;
  const wanted = elementFor(event.key, target);
  if (!wanted) return;
  event.preventDefault();
  event.stopImmediatePropagation(); // Streamlit has a meaning of its own for the letter C
  wanted.click();
}

function elementFor(key, target) {
  const index = key.length === 1 ? LETTERS.indexOf(key.toLowerCase()) : -1;
  if (index >= 0) return document.querySelectorAll("[class*=st-key-quiz-] [data-testid=stRadio] [role=radiogroup] label")[index];
  if (key === "Enter") return target.closest(OWN_ENTER) && !target.matches("[type=radio]") ? null : (enabled("-check") ?? enabled("-on"));
  if (target.closest("[role=radiogroup]")) return null;
  return { ArrowRight: enabled("-on"), ArrowLeft: enabled("-back") }[key];
}

function enabled(end) {
  const buttons = [...document.querySelectorAll("[class*=st-key-quiz-]")].filter((part) =>
    [...part.classList].some((name) => name.startsWith("st-key-quiz-") && name.endsWith(end)));
  return buttons.map((part) => part.querySelector("button:not(:disabled)")).find(Boolean);
}
