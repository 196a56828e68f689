// The search dialog: Ctrl-K or Cmd-K opens it, the arrows walk through what was found, Enter opens.
// What is found comes from the search page itself, by htmx.

const finder = document.getElementById("finder");
const words = document.getElementById("finder-words");

function open() {
  if (!finder) return document.querySelector(".search input")?.select();
  if (!finder.open) finder.showModal();
  words.select();
}

/** Move along the hits; before the first of them is the field. */
function move(by) {
  const stops = [words, ...finder.querySelectorAll("#found a")];
  const at = Math.max(stops.indexOf(document.activeElement), 0);
  const next = stops[Math.min(Math.max(at + by, 0), stops.length - 1)];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
    event.preventDefault();
    open();
  }
});

finder?.addEventListener("keydown", (event) => {
  const steps = { ArrowDown: 1, ArrowUp: -1 };
  if (event.key in steps) {
    event.preventDefault();
    move(steps[event.key]);
  } else if (event.key === "Enter" && event.target === words) {
    // The first hit, if it answers to what is written now; else the page, which waits for nothing.
    event.preventDefault();
    const first = finder.querySelector("#found a");
    if (first && !finder.querySelector(".htmx-request")) first.click();
    else words.form.submit();
  } else if (event.key.length === 1 && event.target !== words && !event.ctrlKey && !event.metaKey) {
    words.focus();
  }
});

// A click beside it is a click on the dialog itself.
finder?.addEventListener("click", (event) => {
  if (event.target === finder) finder.close();
});
