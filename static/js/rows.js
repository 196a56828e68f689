// Tables by keys: j and k (or the arrows, once in a row) walk through the rows, x ticks one, Enter
// opens it; ? lists the keys. Where one is in a table is the browser's own focus on the row's link,
// so a screen reader says it, Enter needs no help, and nothing is kept here.

const help = document.getElementById("keys");

const linkOf = (row) => row.querySelector(".is-key a, th a, td a");
const rowsOf = (table) => [...table.tBodies].flatMap((body) => [...body.rows]).filter(linkOf);
const isSeen = (table) => table.offsetParent !== null && rowsOf(table).length > 0;

/** The table that keys are for: the one with the focus, else the first on the page. */
function tableInUse() {
  return document.activeElement?.closest(".table") ?? [...document.querySelectorAll(".table")].find(isSeen);
}

function enter(row) {
  linkOf(row).focus({ preventScroll: true, focusVisible: true });
  row.scrollIntoView({ block: "nearest" });
}

function move(by) {
  const table = tableInUse();
  if (!table) return false;
  const rows = rowsOf(table);
  const at = rows.indexOf(document.activeElement?.closest("tbody tr"));
  const next = at < 0 ? rows.at(by > 0 ? 0 : -1) : rows[at + by];
  if (next) enter(next);
  return true;
}

function tick() {
  const box = document.activeElement?.closest("tbody tr")?.querySelector('.is-check [type="checkbox"]');
  box?.click();
  return Boolean(box);
}

const isTyping = (element) => Boolean(element.closest?.('input:not([type="checkbox"]), textarea, select, [contenteditable]'));

function act(event) {
  const inRow = Boolean(event.target.closest?.(".table tbody tr"));
  switch (event.key) {
    case "j": return move(1);
    case "k": return move(-1);
    case "ArrowDown": return inRow && move(1);
    case "ArrowUp": return inRow && move(-1);
    case "x": return tick();
    case "?": help?.showModal(); return Boolean(help);
    default: return false;
  }
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (isTyping(event.target) || document.querySelector("dialog[open], details.menu[open]")) return;
  if (act(event)) event.preventDefault();
});

document.addEventListener("click", (event) => {
  // The backdrop of a dialog is the dialog itself.
  if (event.target === help) help.close();
});

// Rows that htmx brings again: back to the row where one was.
let left;
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const row = detail.target?.contains?.(document.activeElement) && document.activeElement.closest("tbody tr");
  left = row ? linkOf(row)?.getAttribute("href") : undefined;
});
document.addEventListener("htmx:afterSettle", () => {
  if (!left || document.activeElement !== document.body) return;
  document.querySelector(`.table tbody a[href="${CSS.escape(left)}"]`)?.focus({ preventScroll: true, focusVisible: true });
  left = undefined;
});
