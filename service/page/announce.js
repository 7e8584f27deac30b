// Short messages: for screen readers while a problem runs, and as a note at the bottom of the page.
import { byId } from "./dom.js";

const ANNOUNCE_MS = 2500;
const TOAST_MS = 1800;
let lastAnnouncedMs = 0;
let toastTimer;

/** Announce a text to screen readers: always, or if the last text was long ago. */
export function announce(text, always = false) {
  if (!always && Date.now() - lastAnnouncedMs < ANNOUNCE_MS) return;
  lastAnnouncedMs = Date.now();
  byId("live").textContent = text;
}

/** Show a text for a short time. */
export function toast(text) {
  byId("toast").textContent = text;
  byId("toast").classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => byId("toast").classList.remove("shown"), TOAST_MS);
}
