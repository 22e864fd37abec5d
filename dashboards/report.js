"use strict";
(async () => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const buttons = [...document.querySelectorAll("[data-mode]")];
  const figures = JSON.parse(document.getElementById("figures").textContent);

  // Storage may be refused to a page opened from a file; then the choice lasts as long as the page.
  const recall = () => { try { return localStorage.getItem("mailrail-mode"); } catch { return null; } };
  const remember = (mode) => { try { localStorage.setItem("mailrail-mode", mode); } catch { /* see above */ } };
  const current = () => root.dataset.theme || (system.matches ? "dark" : "light");

  const draw = () => {
    if (!window.Plotly) return;
    for (const [name, modes] of Object.entries(figures)) {
      const place = document.getElementById(name);
      const figure = modes[current()];
      if (place) Plotly.react(place, figure.data, figure.layout, { displayModeBar: false, responsive: true });
    }
  };
  const show = () => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.mode === current()));
    draw();
  };

  const kept = recall();
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  for (const button of buttons) {
    button.addEventListener("click", () => {
      root.dataset.theme = button.dataset.mode;
      remember(button.dataset.mode);
      show();
    });
  }
  system.addEventListener("change", show);
  show();

  try {
    const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    root.classList.add("drawn");
    draw();
  } catch (problem) {
    root.classList.add("undrawn");
    console.error("charts could not be drawn:", problem);
  }
})();
