// One key for each answer; a key that is typed into a field stays there.
"use strict";

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, textarea, select")) return;
  const one = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (one === null) return;
  event.preventDefault();
  one.click();
});
