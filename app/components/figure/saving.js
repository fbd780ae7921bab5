// Saving: what a chart shows, as a file for print. The chart is Streamlit's own; it stands in the same page.

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".saves");
  const block = root.getRootNode().host.closest(`.${data.block}`);
  if (!block) return; // another figure has already taken the place of this one
  for (const [kind, make] of [["svg", svgBlob], ["png", pngBlob]]) {
    const button = root.querySelector(`.${kind}`);
    button.ariaLabel = `${button.textContent} of “${data.name}”`;
    button.title = `Save the figure as ${button.textContent}, for print`;
    button.onclick = () => save(button, root.querySelector(".status"), () => make(chartOf(block), data), data.file);
  }
  return nameDownload(block, data);
}

function chartOf(block) {
  const chart = block.querySelector(".js-plotly-plot");
  if (!chart?.querySelector(".main-svg")) throw new Error("The chart is not drawn yet");
  return chart;
}

async function save(button, status, make, file) {
  if (button.ariaDisabled === "true") return;
  const kind = button.textContent;
  button.ariaDisabled = "true";
  status.textContent = "";
  status.classList.remove("failed");
  try {
    download(await make(), `${file}.${kind.toLowerCase()}`);
    status.textContent = `${kind} saved`;
  } catch (error) {
    status.textContent = `${kind} could not be made. Is the figure drawn?`;
    status.classList.add("failed");
    console.warn(error);
  } finally {
    button.ariaDisabled = "false";
  }
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// Streamlit's own button has no name but its label, the same under every figure. It may come after this
// component, and be drawn anew.
function nameDownload(block, { name }) {
  const rename = () => {
    const button = block.querySelector("[data-testid=stDownloadButton] button");
    if (button) button.ariaLabel = `${button.textContent} of “${name}”`;
  };
  const observer = new MutationObserver(rename);
  observer.observe(block, { childList: true, subtree: true });
  rename();
  return () => observer.disconnect();
}
