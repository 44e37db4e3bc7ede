// Keeps the page fresh in place, so that neither the scroll position nor the keyboard focus is lost.
"use strict";

const EVERY_MS = 5000;

async function refresh() {
  if (document.hidden) return;
  const stale = document.getElementById("stale");
  try {
    const answer = await fetch(location.pathname, { signal: AbortSignal.timeout(EVERY_MS * 2) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = document.getElementById("main");
    const news = page.getElementById("main");
    if (news === null) throw new Error("not our page");
    stale.hidden = true;
    // A person who is copying a sentence keeps it until the selection ends.
    if (!getSelection().isCollapsed) return;
    main.replaceChildren(...news.childNodes);
    document.title = page.title;
  } catch {
    stale.hidden = false;
  }
}

setInterval(refresh, EVERY_MS);
document.addEventListener("visibilitychange", refresh);
