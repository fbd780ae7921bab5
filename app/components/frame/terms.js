// Terms of the glossary: links to "#term-…" anywhere on the page open a note where they stand.

const LINK = 'a[href^="#term-"]';
const GAP = 6; // CSS pixels between a term and its note

function place(note, link) {
  const at = link.getBoundingClientRect();
  const width = note.offsetWidth, height = note.offsetHeight;
  const left = Math.min(Math.max(12, at.left), window.innerWidth - width - 12);
  const below = at.bottom + GAP + height <= window.innerHeight;
  note.style.left = `${Math.max(12, left)}px`;
  note.style.top = `${below ? at.bottom + GAP : Math.max(12, at.top - GAP - height)}px`;
}

// A link that opens something in its place is a button to those who hear the page.
function mark() {
  for (const link of document.querySelectorAll(`${LINK}:not([role])`)) {
    link.setAttribute("role", "button");
    link.setAttribute("aria-expanded", "false");
    link.removeAttribute("target");
  }
}

// Listen for terms until the function that is returned is called.
function watchTerms(root, terms) {
  const note = root.querySelector(".term");
  const heard = root.querySelector(".heard");
  let opener = null; // the link whose note is open
  let closed = null; // the link whose note a press has just closed

  function open(link) {
    const term = terms[link.hash.slice("#term-".length)];
    if (!term) return;
    note.querySelector("strong").textContent = term.title;
    note.querySelector("p").textContent = term.meaning;
    opener = link;
    note.showPopover();
    place(note, link);
    link.setAttribute("aria-expanded", "true");
    heard.textContent = `${term.title}: ${term.meaning}`;
  }

  function click(event) {
    const link = event.target instanceof Element ? event.target.closest(LINK) : null;
    if (!link) return;
    event.preventDefault();
    if (link !== closed) open(link);
    closed = null;
  }

  function press(event) {
    const link = event.target instanceof Element ? event.target.closest(LINK) : null;
    closed = link !== null && link === opener ? link : null;
  }

  function key(event) {
    if (!note.matches(":popover-open")) {
      if (event.key === " " && document.activeElement?.matches?.(LINK)) {
        event.preventDefault();
        open(document.activeElement);
      }
      return;
    }
    if (event.key === "Escape" || event.key === "Enter" || event.key === " ") {
      // Escape closes the note, and not the presentation as well.
      event.preventDefault();
      event.stopImmediatePropagation();
      note.hidePopover();
    }
  }

  function toggled(event) {
    if (event.newState !== "closed") return;
    opener?.setAttribute("aria-expanded", "false");
    opener = null;
    heard.textContent = "";
  }

  function hide() {
    if (note.matches(":popover-open")) note.hidePopover();
  }

  const watcher = new MutationObserver(mark);
  watcher.observe(document.body, { childList: true, subtree: true });
  mark();
  note.addEventListener("toggle", toggled);
  document.addEventListener("pointerdown", press, true);
  document.addEventListener("click", click, true);
  window.addEventListener("keydown", key, true);
  document.addEventListener("scroll", hide, true);
  return () => {
    watcher.disconnect();
    note.removeEventListener("toggle", toggled);
    document.removeEventListener("pointerdown", press, true);
    document.removeEventListener("click", click, true);
    window.removeEventListener("keydown", key, true);
    document.removeEventListener("scroll", hide, true);
  };
}
