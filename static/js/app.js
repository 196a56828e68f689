// What a page can do beyond links and forms. Everything works without it; nothing is kept here that
// the address should say.

const html = document.documentElement;
html.classList.add("has-script");

// Copy: <button data-copy="text"> ---------------------------------------------------------------

async function copy(button) {
  const text = button.dataset.copy;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Browsers offer the clipboard to https and localhost only.
    const area = Object.assign(document.createElement("textarea"), { value: text, className: "hidden-text" });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.classList.add("is-done");
  setTimeout(() => button.classList.remove("is-done"), 1500);
}

// Messages: <button data-dismiss="what to take away"> --------------------------------------------

function dismiss(button) {
  const region = button.closest('[role="status"]');
  button.closest(button.dataset.dismiss).remove();
  if (region && !region.childElementCount) region.hidden = true;
}

// A region is read out when something comes into it, not for what it came with.
const told = document.getElementById("messages");
if (told?.childElementCount) setTimeout(() => told.append(...told.childNodes), 200);

// Dialogs: <a data-dialog href="a page that has the partial dialog"> ------------------------------

const question = document.getElementById("question");

document.addEventListener("click", (event) => {
  if (event.target.closest?.("[data-close]") && question?.open) {
    event.preventDefault();
    question.close();
    return;
  }
  const link = event.target.closest?.("a[data-dialog]");
  // A click that asks for a new tab or window gets the page.
  if (!link || !question || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  window.htmx.ajax("GET", link.href, { source: link, target: "#dialog", swap: "outerHTML" });
});
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (!question) return;
  // What refuses stands among the messages, which an open dialog would cover.
  if (detail.target.id === "messages") question.close();
  else if (detail.target.id === "dialog" && !question.open) question.showModal();
});
question?.addEventListener("click", (event) => {
  if (event.target === question) question.close();
});

// Menus and keys ---------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (button) copy(button);
  const closer = event.target.closest?.("[data-dismiss]");
  if (closer) dismiss(closer);
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    const menu = event.target.closest?.("details.menu[open]") ?? document.querySelector("details.menu[open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
    return;
  }
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const field = document.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`);
  if (field) {
    event.preventDefault();
    field.focus();
    field.select();
  }
});

// "Compare 2": <button data-count-checked="name"> counts the ticked boxes of that name ------------

function countChecked() {
  for (const button of document.querySelectorAll("[data-count-checked]")) {
    const count = document.querySelectorAll(`input[name="${CSS.escape(button.dataset.countChecked)}"]:checked`).length;
    const place = button.querySelector(".count");
    if (place) {
      place.textContent = count;
      place.hidden = !count;
    }
  }
}
document.addEventListener("change", (event) => {
  if (event.target.matches('[type="checkbox"]')) countChecked();
  if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
});

// Theme ------------------------------------------------------------------------------------------

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-theme-form]")) return;
  event.preventDefault();
  const data = new FormData(form, event.submitter);
  const theme = data.get("theme");
  if (theme) html.dataset.theme = theme;
  else delete html.dataset.theme;
  for (const button of form.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
  drawAgain();
  fetch(form.action, { method: "POST", body: data, redirect: "manual" });
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAgain);

// What MLflow's client prints, /#/experiments/3/runs/…, has a page here. Signing in keeps the part behind #.
const printed = /^#\/((?:experiments|models)\/[^?]+)/.exec(location.hash);
if (printed && ["/", "/sign-in"].includes(location.pathname)) location.replace(`/go/mlflow/${printed[1]}`);

// Charts: <figure data-chart="id of its JSON" data-plotly data-plotly-style> ------------------------

let plotly;
function loadPlotly({ plotly: source, plotlyStyle }) {
  plotly ??= new Promise((resolve, reject) => {
    // Under this id Plotly takes a linked sheet for its own and injects none.
    const style = Object.assign(document.createElement("link"), {
      rel: "stylesheet", href: plotlyStyle, id: "plotly.js-style-global", className: "no-inline-styles",
    });
    const script = Object.assign(document.createElement("script"), { src: source, onerror: reject });
    script.onload = () => resolve(window.Plotly);
    document.head.append(style, script);
  });
  return plotly;
}

function inks(figure) {
  // light-dark() is resolved only where it is used, so the colours are read from a hidden element.
  const probe = figure.appendChild(document.createElement("i"));
  const read = (role) => {
    probe.className = `chart-ink ${role}`;
    const { color, backgroundColor, borderTopColor, outlineColor, textDecorationColor, fontFamily } = getComputedStyle(probe);
    return { color, panel: backgroundColor, line: borderTopColor, muted: outlineColor, text: textDecorationColor, font: fontFamily };
  };
  return { read, done: () => probe.remove() };
}

const faded = (color, share) => color.replace(/^rgba?\(([^,]+,[^,]+,[^,)]+).*$/, `rgba($1, ${share})`);

function paint(data, layout, read, narrow) {
  const base = read("role-accent");
  for (const trace of data) {
    const { color } = read(trace.meta);
    if (trace.line) trace.line.color = color;
    if (trace.fill) trace.fillcolor = faded(color, 0.14);
    if (trace.type === "bar") trace.marker = { ...trace.marker, color };
    else if (trace.marker) {
      trace.marker.color = trace.customdata.map((marked) => (marked ? color : base.panel));
      trace.marker.line = { color, width: 1.75 };
    }
    const error = trace.error_y ?? trace.error_x;
    if (error) error.color = trace.type === "bar" ? base.text : faded(color, 0.55);
  }
  for (const shape of layout.shapes ?? []) shape.line.color = read(shape.name).color;
  for (const words of layout.annotations) words.font.color = read(words.name).color;
  // On a phone the words above the markers would cover each other; the legend has them.
  if (narrow) {
    layout.annotations = layout.annotations.filter(({ xref }) => xref === "paper");
    for (const words of layout.annotations) {
      layout.margin.t -= words.yshift - 6;
      words.yshift = 6;
    }
    layout.xaxis.nticks = 5;
  }
}

function painted(figure) {
  const { data, layout } = JSON.parse(document.getElementById(figure.dataset.chart).textContent);
  if (!data.length) return null;
  const { read, done } = inks(figure);
  const narrow = figure.clientWidth < 520;
  const base = read("role-accent");
  // A figure that somebody logged keeps its own colours; it names none of our roles.
  if (layout.meta !== "logged") paint(data, layout, read, narrow);
  for (const name of Object.keys(layout).filter((key) => /^[xy]axis/.test(key))) {
    Object.assign(layout[name], { gridcolor: base.line, linecolor: base.muted, spikecolor: base.line });
  }
  layout.font = { family: base.font, color: base.muted, size: 12 };
  layout.hoverlabel = { bgcolor: base.panel, bordercolor: base.line, font: { family: base.font, color: base.text } };
  // A finger that scrolls the page must not zoom the chart.
  if (matchMedia("(pointer: coarse)").matches) layout.dragmode = false;
  // New points come into a chart that somebody has zoomed; another chart begins afresh.
  layout.uirevision = [layout.xaxis, layout.yaxis].map(({ title, type }) => `${title?.text} ${type}`).join(" ") + figure.querySelector("h2").textContent;
  done();
  return { data, layout };
}

async function draw(figure) {
  const place = figure.querySelector(".chart-live");
  const chart = painted(figure);
  if (!chart) return;
  const { data, layout } = chart;
  // Some drawings have a narrow form of their own that a figure cannot have.
  if (layout.meta === "wide-only" && figure.clientWidth < 520) return;
  const library = await loadPlotly(figure.dataset);
  place.hidden = false;
  figure.classList.add("is-live");
  await library.react(place, data, layout, { displayModeBar: false, showSendToCloud: false, responsive: true, displaylogo: false });
}

const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      // Without the library the server's drawing simply stays.
      draw(target).catch(console.warn);
    }
  },
  { rootMargin: "200px" },
);

function drawAgain() {
  for (const figure of document.querySelectorAll("[data-chart].is-live")) draw(figure);
}

// <div data-show=".is-current"> starts scrolled so that what it names stands in its middle, as a drawing or a row
// of tabs that is wider than the page.
function showMiddle(box) {
  const mark = box.querySelector(box.dataset.show)?.getBoundingClientRect();
  if (mark) box.scrollLeft += mark.left + mark.width / 2 - box.getBoundingClientRect().left - box.clientWidth / 2;
}

function begin(root) {
  root.querySelectorAll("[data-show]").forEach(showMiddle);
  for (const figure of root.querySelectorAll("[data-chart]:not(.is-live)")) {
    // The live drawing of the former figure has moved into this one (hx-preserve).
    if (figure.querySelector(".js-plotly-plot")) draw(figure).catch(console.warn);
    else near.observe(figure);
  }
  countChecked();
}
begin(document);
document.addEventListener("htmx:load", (event) => begin(event.detail.elt.parentElement ?? document));
document.addEventListener("htmx:beforeCleanupElement", ({ target }) => {
  const place = target.matches?.(".chart.is-live") && target.querySelector(".chart-live");
  if (place) window.Plotly?.purge(place);
});
