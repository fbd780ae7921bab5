// The gallery: radio buttons that look like photographs. The browser itself moves the choice by click and
// arrow key; this file fills the elements, and tells Python.

const KEYS_REST_MS = 300; // whoever walks through the pictures by key wants the one where the walk ends

const walks = new WeakMap(); // root element -> timer of a choice that Python has not been told

export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".gallery");
  const drawn = fillSections(root, data.sections);
  const memory = recall(data, setStateValue);
  for (const input of radios(root)) input.checked = input.value === memory.value;
  if (drawn || memory.fresh) reveal(root);
  memory.fresh = false;

  const tell = () => root.isConnected && report(memory);
  let byKey = false;
  root.onpointerdown = () => (byKey = false);
  root.onkeydown = (event) => {
    byKey = true;
    jump(root, event);
  };
  root.onchange = (event) => {
    memory.value = event.target.value;
    clearTimeout(walks.get(root));
    walks.set(root, setTimeout(tell, byKey ? KEYS_REST_MS : 0));
  };
}

function radios(root) {
  return [...root.querySelectorAll("input")];
}

function jump(root, event) {
  const index = { Home: 0, End: -1 }[event.key];
  if (index === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const input = radios(root).at(index);
  input.focus();
  if (!input.checked) input.click();
}

// Scrolls the chosen picture's strip, never the page.
function reveal(root) {
  const card = root.querySelector("input:checked")?.closest(".card");
  if (!card) return;
  const strip = card.closest(".strip");
  const ahead = card.getBoundingClientRect().left - strip.getBoundingClientRect().left;
  const left = strip.scrollLeft + ahead - (strip.clientWidth - card.offsetWidth) / 2;
  strip.scrollTo({ left, behavior: "instant" });
}

// Elements are kept and filled anew, so that focus and scroll position stay. True if there were none yet.
function fillSections(root, sections) {
  const anew = !root.querySelector(".section");
  const elements = keep(root, ".section", root, "section", sections.length);
  sections.forEach((section, row) => {
    const strip = elements[row].querySelector(".strip");
    elements[row].querySelector("legend").textContent = section.title;
    const cards = keep(strip, ".card", root, "card", section.thumbnails.length);
    section.thumbnails.forEach((thumbnail, column) => fillCard(cards[column], thumbnail, `${row}-${column}`));
  });
  return anew;
}

function keep(parent, selector, root, name, count) {
  const template = root.querySelector(`.${name}-template`).content.firstElementChild;
  const elements = [...parent.querySelectorAll(selector)];
  for (const surplus of elements.splice(count)) surplus.remove();
  while (elements.length < count) {
    const element = template.cloneNode(true);
    parent.append(element);
    elements.push(element);
  }
  return elements;
}

function fillCard(card, thumbnail, place) {
  const [input, picture, title] = ["input", "img", ".title"].map((part) => card.querySelector(part));
  input.value = thumbnail.key;
  title.id = `title-${place}`;
  picture.id = `picture-${place}`;
  input.setAttribute("aria-labelledby", title.id);
  input.setAttribute("aria-describedby", picture.id);
  title.textContent = card.title = thumbnail.title;
  picture.alt = thumbnail.alt;
  if (picture.src !== thumbnail.picture) picture.src = thumbnail.picture;
}
