// Colours the text, puts problems beside their lines, and knows a few keys. Without it the page does all of its work.
"use strict";

const YAML = new RegExp(
  [
    /(?<comment>(?<=^|\s)#.*$)/,
    /(?<key>(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'#{}[\],:&*!|>%@-][^"'{}[\],:]*?)(?=\s*:(?:\s|$)))/,
    /(?<string>"(?:[^"\\]|\\.)*"?|'(?:[^']|'')*'?)/,
    /(?<number>(?:-?\d+(?:\.\d+)?[%a-z]?|true|false|null)(?=\s*(?:[,}\]]|\s#|$)))/,
    /(?<mark>[{}[\],:]|^\s*-(?=\s|$))/,
    /(?<plain>[^\s{}[\],:]+|\s+)/,
  ]
    .map((one) => one.source)
    .join("|"),
  "g",
);
const CSV = /(?<string>"(?:[^"]|"")*"?)|(?<mark>[,;])|(?<plain>[^",;]+)/g;

const text = document.getElementById("text");
const editor = document.getElementById("editor");
const form = document.getElementById("edit");
const at = document.getElementById("at");
const beside = document.getElementById("beside");
const told = beside === null ? [] : [...beside.children];
const tokens = editor.dataset.language === "csv" ? CSV : YAML;

const paint = element("div", "paint");
const code = element("div", "code");
const gutter = element("div", "gutter");
const numbers = element("div", "numbers");
let lines = [];

function element(name, kind) {
  const made = document.createElement(name);
  made.className = kind;
  made.setAttribute("aria-hidden", "true");
  return made;
}

function row(line) {
  const made = document.createElement("div");
  made.className = "row";
  for (const found of line.matchAll(tokens)) {
    const kind = Object.keys(found.groups).find((name) => found.groups[name] !== undefined);
    if (kind === "plain") {
      made.append(found[0]);
    } else {
      const part = document.createElement("span");
      part.className = kind;
      part.textContent = found[0];
      made.append(part);
    }
  }
  return made;
}

// Only lines that differ are painted anew, so that each keeps what is said of it while others come and go.
function repaint() {
  const fresh = text.value.split("\n");
  let same = 0;
  while (same < fresh.length && same < lines.length && fresh[same] === lines[same]) same += 1;
  let tail = 0;
  while (
    tail < Math.min(fresh.length, lines.length) - same &&
    fresh[fresh.length - 1 - tail] === lines[lines.length - 1 - tail]
  )
    tail += 1;
  for (const gone of [...code.children].slice(same, lines.length - tail)) gone.remove();
  const made = document.createDocumentFragment();
  for (const line of fresh.slice(same, fresh.length - tail)) made.append(row(line));
  code.insertBefore(made, code.children[same] ?? null);
  while (numbers.children.length > fresh.length) numbers.lastChild.remove();
  while (numbers.children.length < fresh.length) {
    const one = document.createElement("div");
    one.textContent = numbers.children.length + 1;
    numbers.append(one);
  }
  lines = fresh;
}

function mark(line, kind, column) {
  if (line === undefined) return;
  const spot = element("span", "spot");
  const word = /^[\w.]+/.exec(line.textContent.slice(column - 1));
  spot.style.left = `${column - 1}ch`;
  spot.style.width = `${word === null ? 1 : word[0].length}ch`;
  line.classList.add(kind);
  line.append(spot);
}

const rowHeight = () => code.firstChild.getBoundingClientRect().height;

function follow() {
  code.style.transform = `translate(${-text.scrollLeft}px, ${-text.scrollTop}px)`;
  numbers.style.transform = `translateY(${-text.scrollTop}px)`;
  if (told.length === 0) return;
  const origin = editor.getBoundingClientRect().top;
  let below = -Infinity;
  for (const one of told) {
    const line = code.children[Math.min(one.dataset.line, lines.length) - 1];
    const top = Math.max(line.getBoundingClientRect().top - origin, below);
    one.style.top = `${top}px`;
    below = top + one.offsetHeight + 4;
  }
}

function go(line, column) {
  const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  const place = Math.min(start + Math.max(0, column - 1), text.value.length);
  text.focus({ preventScroll: true });
  text.setSelectionRange(place, place);
  text.scrollTop = Math.max(0, (line - 4) * rowHeight());
  text.scrollLeft = 0;
  follow();
}

function lineOfCaret() {
  return text.value.slice(0, text.selectionStart).split("\n").length;
}

function goToProblem(back) {
  if (told.length === 0) return;
  const places = told.map((one) => [Number(one.dataset.line), Number(one.dataset.column)]);
  const here = lineOfCaret();
  const next = back ? places.findLast(([line]) => line < here) : places.find(([line]) => line > here);
  go(...(next ?? places.at(back ? -1 : 0)));
}

function press(...names) {
  const button = names.map((name) => document.getElementById(name)).find((one) => one !== null);
  form.requestSubmit(button);
}

function onKey(event) {
  const command = event.ctrlKey || event.metaKey;
  if (command && event.key === "Enter") press("plan");
  else if (command && event.key.toLowerCase() === "s") press("save", "check");
  else if (event.key === "F8") goToProblem(event.shiftKey);
  else return;
  event.preventDefault();
}

// A new line begins below the one before it.
function onEnter(event) {
  if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.shiftKey || event.isComposing) return;
  const before = text.value.slice(0, text.selectionStart);
  const blanks = /^ *(?:- )?/.exec(before.slice(before.lastIndexOf("\n") + 1))[0].replace("-", " ");
  event.preventDefault();
  document.execCommand("insertText", false, `\n${blanks}`);
}

const kept = "unsaved" in editor.dataset ? null : text.value;
let sent = false;

function onSubmit(event) {
  at.value = [text.selectionStart, text.scrollTop, text.scrollLeft].map(Math.round).join(" ");
  sent = true;
  if (event.submitter?.value !== "patch") event.submitter?.setAttribute("aria-busy", "true");
  else setTimeout(() => { sent = false; }, 1000); // a download leaves the page where it is
}

function goWhereAsked() {
  const asked = /^#line-(\d+)$/.exec(location.hash);
  if (asked !== null) go(Number(asked[1]), 1);
  return asked !== null;
}

function lookWhereItMatters() {
  const would = document.getElementById("would");
  const [place, top, left] = at.value.split(" ").map(Number);
  if (at.value) {
    text.setSelectionRange(place, place);
    text.scrollTo(left, top);
  }
  if (goWhereAsked()) return;
  if (would !== null) {
    would.focus({ preventScroll: true });
    would.scrollIntoView();
  } else if (told.length > 0) go(Number(told[0].dataset.line), Number(told[0].dataset.column));
  else if (at.value) text.focus({ preventScroll: true });
}

function begin() {
  gutter.append(numbers);
  paint.append(code);
  editor.prepend(paint);
  editor.append(gutter);
  editor.classList.add("lively");
  repaint();
  for (const one of told) {
    const kind = one.className;
    mark(code.children[one.dataset.line - 1], kind, Number(one.dataset.column));
    numbers.children[one.dataset.line - 1]?.classList.add(kind);
    one.querySelector("a").addEventListener("click", (event) => {
      event.preventDefault();
      go(Number(one.dataset.line), Number(one.dataset.column));
    });
  }
  if (told.length > 0) editor.parentElement.classList.add("beside");
  document.getElementById("keys").hidden = false;
  text.addEventListener("input", () => {
    repaint();
    follow();
  });
  text.addEventListener("scroll", follow);
  text.addEventListener("keydown", onEnter);
  document.addEventListener("keydown", onKey);
  form.addEventListener("submit", onSubmit);
  form.setAttribute("action", "file"); // where to look is said below; its fragment is for those without a script
  new ResizeObserver(follow).observe(text);
  window.addEventListener("beforeunload", (event) => {
    if (!sent && text.value !== kept) event.preventDefault();
  });
  window.addEventListener("hashchange", goWhereAsked);
  lookWhereItMatters();
  follow();
}

begin();
