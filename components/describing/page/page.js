"use strict";

const $ = (id) => document.getElementById(id);
const speech = window.speechSynthesis;
const NO_WORDS = "(no words)";
const GONE = "The service does not answer. Start it again where it was started, then reload this page.";

// Of the photo that was given last: what ends its sending, and where its picture is.
let sending = null;
let picture = null;
let ready = false;

// What stands in the live region is what a screen reader says.
function tell(state, words) {
  $("answer").dataset.state = state;
  $("said").textContent = words;
}

function shown(score) {
  return score.toFixed(2).replace("-", "\u2212");
}

function item(other) {
  const caption = document.createElement("div");
  caption.textContent = other.caption || NO_WORDS;
  const score = document.createElement("span");
  score.textContent = shown(other.score);
  const line = document.createElement("li");
  line.append(caption, score);
  return line;
}

// Darkens the photo but for what speaks for a word; the browser smooths between the cells.
function light(look) {
  const canvas = $("light");
  canvas.hidden = !look;
  if (!look) return;
  const { cells } = look;
  // A word without a place stays dark.
  const most = look.place ? Math.max(...cells.flat()) : 1;
  canvas.height = cells.length;
  canvas.width = cells[0].length;
  const drawing = canvas.getContext("2d");
  const dark = drawing.createImageData(canvas.width, canvas.height);
  cells.flat().forEach((share, place) => { dark.data[4 * place + 3] = 200 * (1 - share / most); });
  drawing.putImageData(dark, 0, 0);
}

function lookAt(button, look) {
  const chosen = button.getAttribute("aria-pressed") !== "true";
  for (const other of $("looked").querySelectorAll("button")) other.setAttribute("aria-pressed", "false");
  button.setAttribute("aria-pressed", String(chosen));
  light(chosen && look);
}

function word(look) {
  const place = document.createElement("small");
  place.textContent = look.place;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "word";
  button.setAttribute("aria-pressed", "false");
  button.append(look.word, place);
  // Heard, the place is told from the word.
  if (look.place) button.setAttribute("aria-label", `${look.word}: ${look.place}`);
  button.addEventListener("click", () => lookAt(button, look));
  const line = document.createElement("li");
  line.append(button);
  return line;
}

function show(said) {
  tell("said", said.caption || NO_WORDS);
  $("score").textContent = shown(said.score);
  const others = (said.alternatives || []).map(item);
  $("list").replaceChildren(...others);
  $("others").hidden = $("hint").hidden = others.length === 0;
  const looks = said.saliency.map(word);
  $("looked").replaceChildren(...saliency);
  $("saliency").hidden = looks.length === 0;
  $("below").hidden = false;
}

// The picture is shown if the browser can; what it is, the model's side decides.
function preview(file) {
  if (picture) URL.revokeObjectURL(picture);
  picture = URL.createObjectURL(file);
  $("figure").hidden = true;
  $("preview").src = picture;
  $("name").textContent = file.name;
}

function clear() {
  if (speech) speech.cancel();
  for (const id of ["below", "saliency", "others", "hint"]) $(id).hidden = true;
  light(null);
}

async function describe(file) {
  if (sending) sending.abort();
  const own = (sending = new AbortController());
  clear();
  const limit = Number($("photo").dataset.maxBytes);
  if (file.size > limit) {
    $("figure").hidden = true;
    tell("failed", `${file.name} can't be read as a photo: its file must not be larger than ${limit >> 20} MiB`);
    return;
  }
  preview(file);
  tell("busy", ready ? "Looking at your photo…" : "The model is getting ready. Your photo is next.");
  let answer;
  try {
    const response = await fetch(`captions?name=${encodeURIComponent(file.name)}`, {
      method: "POST",
      headers: { "Content-Type": "application/octet-stream" },
      body: file,
      signal: own.signal,
    });
    answer = await response.json();
  } catch {
    answer = { error: GONE };
  }
  if (own.signal.aborted) return; // Another photo was given since.
  if (answer.error === undefined) {
    $("picker").classList.add("small");
    show(answer);
  } else {
    $("figure").hidden = true;
    tell("failed", answer.error);
  }
}

function take(files) {
  if (files.length) describe(files[0]);
}

function readAloud() {
  if (speech.speaking) {
    speech.cancel();
    return;
  }
  const words = new SpeechSynthesisUtterance($("said").textContent);
  words.lang = "en";
  words.onstart = () => { $("aloud").textContent = "Stop"; };
  words.onend = words.onerror = () => { $("aloud").textContent = "Read aloud"; };
  speech.speak(words);
}

async function awaitModel() {
  while (!ready) {
    try {
      ready = (await (await fetch("status")).json()).ready;
    } catch {
      if (!sending) tell("failed", GONE);
      return;
    }
    if (!ready) await new Promise((resolve) => setTimeout(resolve, 500));
  }
  if (!sending) tell("waiting", "Ready. Choose a photo.");
}

// The same file may be chosen again.
$("photo").addEventListener("click", (event) => { event.target.value = ""; });
$("photo").addEventListener("change", (event) => take(event.target.files));
$("preview").addEventListener("load", () => {
  $("figure").hidden = $("answer").dataset.state === "failed";
});
document.addEventListener("paste", (event) => take(event.clipboardData.files));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  $("picker").classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) $("picker").classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  $("picker").classList.remove("over");
  take(event.dataTransfer.files);
});
if (speech) {
  $("aloud").hidden = false;
  $("aloud").addEventListener("click", readAloud);
  // Leaving the page does not end what is being said in every browser.
  window.addEventListener("pagehide", () => speech.cancel());
}
awaitModel();
