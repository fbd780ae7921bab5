// The frame of every page, which Streamlit calls again whenever its data change.

const unlisten = new WeakMap(); // root -> what undoes its listeners

export default function ({ parentElement, data }) {
  unlisten.get(parentElement)?.();
  const undo = [watchTerms(parentElement, data.terms), watchPrinter()];
  const stop = () => undo.forEach((each) => each());
  unlisten.set(parentElement, stop);
  begin(data);
  return stop;
}
