"use strict";

const $ = (id) => document.getElementById(id);
const speech = window.speechSynthesis;
const { noWords: NO_WORDS, notSure: NOT_SURE } = $("answer").dataset;
const NO_RESPONSE = "The service does not respond. Start it again in its terminal, then reload this page.";

// Of the latest photo: the AbortController of its upload, and the URL of its preview.
let upload = null;
let previewUrl = null;
let ready = false;

// A screen reader reads out the text of this live region.
function setStatus(state, text) {
  $("answer").dataset.state = state;
  $("caption").textContent = text;
}

// Marks text of the model, whose language may differ from that of the page.
function inLanguage(element, text) {
  element.lang = $("answer").dataset.language;
  element.textContent = text;
  return element;
}

function formatScore(score) {
  return score.toFixed(2).replace("-", "\u2212");
}

function alternativeItem(alternative) {
  const caption = inLanguage(document.createElement("div"), alternative.caption || NO_WORDS);
  const score = document.createElement("span");
  score.textContent = formatScore(alternative.score);
  const line = document.createElement("li");
  line.append(caption, score);
  return line;
}

// Darkens the photo except where a word depends on it; the browser interpolates between cells.
function showOverlay(saliency) {
  const canvas = $("overlay");
  canvas.hidden = !saliency;
  if (!saliency) return;
  const { cells } = saliency;
  // For a word without a label the whole photo stays dark.
  const max = saliency.place ? Math.max(...cells.flat()) : 1;
  canvas.height = cells.length;
  canvas.width = cells[0].length;
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  // Black, with the opacity in each fourth byte.
  cells.flat().forEach((cell, index) => { image.data[4 * index + 3] = 200 * (1 - cell / max); });
  context.putImageData(image, 0, 0);
}

function toggleWord(button, saliency) {
  const pressed = button.getAttribute("aria-pressed") !== "true";
  for (const other of $("words").querySelectorAll("button")) other.setAttribute("aria-pressed", "false");
  button.setAttribute("aria-pressed", String(pressed));
  showOverlay(pressed && saliency);
}

function wordItem(saliency) {
  const label = document.createElement("small");
  label.textContent = saliency.place;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "word";
  button.setAttribute("aria-pressed", "false");
  button.append(inLanguage(document.createElement("span"), saliency.word), label);
  // The colon makes a screen reader pause between word and label.
  if (saliency.place) button.setAttribute("aria-label", `${saliency.word}: ${saliency.place}`);
  button.addEventListener("click", () => toggleWord(button, saliency));
  const line = document.createElement("li");
  line.append(button);
  return line;
}

function showResult(result) {
  setStatus("done", result.doubt ? NOT_SURE : "");
  $("caption").append(inLanguage(document.createElement("span"), result.caption || NO_WORDS));
  $("certainty").textContent = result.doubt ? "Not sure" : "Likely";
  $("confidence").textContent = `${Math.round(100 * result.confidence)}\u202f%`;
  $("doubt").textContent = result.doubt || "";
  $("doubt").hidden = !result.doubt;
  $("score").textContent = formatScore(result.score);
  const alternatives = (result.alternatives || []).map(alternativeItem);
  $("list").replaceChildren(...alternatives);
  $("alternatives").hidden = $("hint").hidden = alternatives.length === 0;
  const words = result.saliency.map(wordItem);
  $("words").replaceChildren(...words);
  $("saliency").hidden = words.length === 0;
  $("below").hidden = false;
}

// Shows the photo if the browser can decode it; whether it is one, the service decides.
function preview(file) {
  if (previewUrl) URL.revokeObjectURL(previewUrl);
  previewUrl = URL.createObjectURL(file);
  $("figure").hidden = true;
  $("preview").src = previewUrl;
  $("name").textContent = file.name;
}

function clear() {
  if (speech) speech.cancel();
  for (const id of ["below", "doubt", "saliency", "alternatives", "hint"]) $(id).hidden = true;
  showOverlay(null);
}

async function describe(file) {
  if (upload) upload.abort();
  const ownUpload = (upload = new AbortController());
  clear();
  const limit = Number($("photo").dataset.maxBytes);
  if (file.size > limit) {
    $("figure").hidden = true;
    setStatus("failed", `${file.name} can't be read as a photo: its file must not be larger than ${limit >> 20} MiB`);
    return;
  }
  preview(file);
  setStatus("busy", ready ? "Describing your photo…" : "The model is loading. Your photo will be described next.");
  let result;
  try {
    const response = await fetch(`captions?name=${encodeURIComponent(file.name)}`, {
      method: "POST",
      headers: { "Content-Type": "application/octet-stream" },
      body: file,
      signal: ownUpload.signal,
    });
    result = await response.json();
  } catch {
    result = { error: NO_RESPONSE };
  }
  if (ownUpload.signal.aborted) return; // The user has chosen another photo.
  if (result.error === undefined) {
    $("picker").classList.add("small");
    showResult(result);
  } else {
    $("figure").hidden = true;
    setStatus("failed", result.error);
  }
}

function describeFirst(files) {
  if (files.length) describe(files[0]);
}

async function describeExample(name) {
  let failure;
  try {
    const response = await fetch(`examples/${encodeURIComponent(name)}`);
    if (response.ok) {
      describe(new File([await response.blob()], name, { type: "image/jpeg" }));
      return;
    }
    failure = `The service does not have ${name} (HTTP ${response.status}). Reload this page.`;
  } catch {
    failure = NO_RESPONSE;
  }
  clear();
  $("figure").hidden = true;
  setStatus("failed", failure);
}

function readAloud() {
  if (speech.speaking) {
    speech.cancel();
    return;
  }
  // The page's own words and those of the model, each with the voice of its language. Of an unknown
  // language, the browser's own voice.
  const parts = [...$("caption").childNodes].map((node) => {
    const utterance = new SpeechSynthesisUtterance(node.textContent);
    utterance.lang = node.lang === undefined ? "en" : node.lang || navigator.language;
    return utterance;
  });
  parts[0].onstart = () => { $("aloud").textContent = "Stop"; };
  for (const part of parts) part.onerror = () => { $("aloud").textContent = "Read aloud"; };
  parts.at(-1).onend = () => { $("aloud").textContent = "Read aloud"; };
  parts.forEach((part) => speech.speak(part));
}

async function awaitModel() {
  while (!ready) {
    try {
      ready = (await (await fetch("status")).json()).ready;
    } catch {
      if (!upload) setStatus("failed", NO_RESPONSE);
      return;
    }
    if (!ready) await new Promise((resolve) => setTimeout(resolve, 500));
  }
  if (!upload) setStatus("waiting", "Ready. Choose a photo.");
}

// So that choosing the same file again is a change.
$("photo").addEventListener("click", (event) => { event.target.value = ""; });
$("photo").addEventListener("change", (event) => describeFirst(event.target.files));
for (const button of document.querySelectorAll(".example")) {
  button.addEventListener("click", () => describeExample(button.dataset.name));
}
$("preview").addEventListener("load", () => {
  $("figure").hidden = $("answer").dataset.state === "failed";
});
document.addEventListener("paste", (event) => describeFirst(event.clipboardData.files));
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
  describeFirst(event.dataTransfer.files);
});
if (speech) {
  $("aloud").hidden = false;
  $("aloud").addEventListener("click", readAloud);
  // Some browsers go on reading after the page is left.
  window.addEventListener("pagehide", () => speech.cancel());
}
awaitModel();
