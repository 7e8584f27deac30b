// Colour scheme: the system's, light or dark. The browser keeps the choice.
import { byId } from "./dom.js";

const NEXT = { system: "light", light: "dark", dark: "system" };
const SYMBOLS = { system: "◐", light: "○", dark: "●" };
const STORAGE_NAME = "theme";

/** Apply the stored scheme, and let the button change it. */
export function setUpThemes() {
  apply(localStorage.getItem(STORAGE_NAME));
  byId("theme").addEventListener("click", () => apply(NEXT[localStorage.getItem(STORAGE_NAME)]));
}

function apply(stored) {
  const theme = stored in NEXT ? stored : "system";
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId("theme").setAttribute("aria-label", `Colours: ${theme}`);
  byId("theme").firstElementChild.textContent = SYMBOLS[theme];
  localStorage.setItem(STORAGE_NAME, theme);
}
