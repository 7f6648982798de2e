"use strict";
(() => {
  const filter = document.getElementById("filter");
  const count = document.getElementById("count");
  const names = Array.from(document.querySelectorAll("#names option"), (option) => option.value);
  const marked = Array.from(document.querySelectorAll("[data-h]"), (element) => ({
    element,
    hosts: element.dataset.h.split(" ").filter(Boolean).map(Number),
  }));

  /** The hosts that are meant: those with exactly that name, else those whose names contain it; several words mean several hosts. */
  function meant(text) {
    const found = new Set();
    for (const word of text.toLowerCase().split(/[\s,]+/).filter(Boolean)) {
      const exact = names.findIndex((name) => name.toLowerCase() === word);
      names.forEach((name, number) => {
        if (exact >= 0 ? number === exact : name.toLowerCase().includes(word)) found.add(number);
      });
    }
    return found;
  }

  function show() {
    const all = filter.value.trim() === "";
    const wanted = meant(filter.value);
    for (const { element, hosts } of marked) {
      element.hidden = !all && !hosts.some((host) => wanted.has(host));
    }
    for (const none of document.querySelectorAll(".none")) {
      const parts = Array.from(none.parentElement.querySelectorAll("[data-h]"));
      none.hidden = all || parts.some((part) => !part.hidden);
    }
    count.textContent = all ? "" : `${wanted.size} of ${names.length}`;
  }

  document.getElementById("tools").hidden = false;
  document.getElementById("tools").addEventListener("submit", (event) => event.preventDefault());
  filter.addEventListener("input", show);
  document.getElementById("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  /** A link to a folded part unfolds it. */
  function unfold() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") target.open = true;
  }
  addEventListener("hashchange", unfold);
  document.addEventListener("click", (event) => event.target.closest("a[href^='#t']") && setTimeout(unfold));
  unfold();
  show();
})();
