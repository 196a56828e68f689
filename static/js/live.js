// A part of a page that follows something live: <div id="live" hx-trigger="every 1s">.
// It rests while nobody looks or somebody marks text in it, and a new one opens as the old one stood.
// Where nothing was new ten times, it asks every other time only: still within two seconds.

const ID = "live";
const marked = (part) => {
  const selection = document.getSelection();
  return !selection.isCollapsed && part.contains(selection.anchorNode);
};

const PATIENCE = 10;
let quiet = 0; // answers without news in a row
let skipped = false;
const rests = () => quiet >= PATIENCE && (skipped = !skipped);

document.addEventListener("htmx:beforeRequest", (event) => {
  const part = event.detail.elt;
  if (part.id === ID && (document.hidden || marked(part) || rests())) event.preventDefault();
});
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.elt.id === ID) quiet = detail.xhr.status === 204 ? quiet + 1 : 0;
});

let kept;
document.addEventListener("htmx:beforeSwap", (event) => {
  const part = event.detail.target;
  if (part.id !== ID) return;
  kept = {
    open: [...part.querySelectorAll(".chart-data[open]")].map((details) => details.parentElement.id),
    scroll: [...part.querySelectorAll("[data-keep-scroll]")].map(({ id, scrollTop }) => [id, scrollTop]),
  };
});
document.addEventListener("htmx:afterSwap", (event) => {
  if (!kept || event.detail.target.id !== ID) return;
  for (const id of kept.open) document.getElementById(id)?.querySelector(".chart-data")?.setAttribute("open", "");
  for (const [id, top] of kept.scroll) {
    const box = document.getElementById(id);
    if (box) box.scrollTop = top;
  }
  kept = undefined;
});
