"use strict";
// The colours before the first paint, and the two buttons that choose them.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  // Storage may be refused; then the choice lasts as long as the page.
  const recall = () => { try { return localStorage.getItem("mailrail-mode"); } catch { return null; } };
  const remember = (mode) => { try { localStorage.setItem("mailrail-mode", mode); } catch { /* see above */ } };
  const kept = recall();
  if (kept === "light" || kept === "dark") root.dataset.theme = kept;

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    mailrail: {
      mode: () => {
        const chosen = (window.dash_clientside.callback_context.triggered_id || "");
        if (chosen === "light" || chosen === "dark") { root.dataset.theme = chosen; remember(chosen); }
        const mode = root.dataset.theme || (system.matches ? "dark" : "light");
        return [mode, String(mode === "light"), String(mode === "dark")];
      },
    },
  });

  // A part of a page that never changes: the server has written what is inside (dashboards/packing.py).
  window.mailrail = {
    Static: ({ tag, given, html }) =>
      window.React.createElement(tag, { ...given, dangerouslySetInnerHTML: { __html: html } }),
  };

  // Links inside such parts change the address as Dash's own links do, without loading the page anew.
  addEventListener("click", (click) => {
    const way = click.target.closest?.("a[data-way]");
    const isElsewhere = click.button || click.metaKey || click.ctrlKey || click.shiftKey || click.altKey;
    if (!way || isElsewhere || click.defaultPrevented) return;
    click.preventDefault();
    history.pushState({}, "", way.getAttribute("href"));
    dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    scrollTo(0, 0);
  });

  // The page's own headline is its title.
  addEventListener("DOMContentLoaded", () => {
    new MutationObserver(() => {
      const head = document.querySelector("#content h1");
      // A person's name does not belong into the browser's history.
      const name = location.pathname.startsWith("/contacts/") ? "Contact" : head && head.textContent;
      const title = name ? `${name} · Mailrail` : "Mailrail";
      if (document.title !== title) document.title = title;
    }).observe(document.body, { childList: true, subtree: true });
  });
})();
