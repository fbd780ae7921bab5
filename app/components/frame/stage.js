// Presentation and print: a new page begins at its top, and charts keep their drawing on paper.

const PAPER_PX = 660; // width of the text of a page of A4, with margins of 15 mm, less what tables need

let shown = ""; // what the presentation showed last

// A page of a presentation begins at its top, also where it was entered from the foot of the page.
function begin({ presenting, page }) {
  const now = presenting ? page : "";
  if (now && now !== shown) document.querySelector('[data-testid="stMain"]')?.scrollTo(0, 0);
  shown = now;
}

// Streamlit draws charts anew when the width of the page changes, too late for the printer: copies stand in for them.
function freeze() {
  thaw();
  for (const chart of document.querySelectorAll(".stPlotlyChart")) {
    const copy = chart.cloneNode(true);
    copy.classList.add("printed-chart");
    copy.style.zoom = Math.min(1, PAPER_PX / chart.offsetWidth);
    chart.after(copy);
  }
}

function thaw() {
  for (const copy of document.querySelectorAll(".printed-chart")) copy.remove();
}

function watchPrinter() {
  window.addEventListener("beforeprint", freeze);
  window.addEventListener("afterprint", thaw);
  return () => {
    window.removeEventListener("beforeprint", freeze);
    window.removeEventListener("afterprint", thaw);
  };
}
