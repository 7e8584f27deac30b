// The API key, where the service wants one: asked for once, kept for as long as the tab is open.
import { by } from "./dom.js";

const NAME = "twinpath-key";

/** The key that is kept, or null. */
export const keptKey = () => sessionStorage.getItem(NAME);

/** The header that bears the key, where there is one. */
export function authorization() {
  const key = keptKey();
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** Ask for a key; resolves to whether one was given. */
export function askForKey() {
  const dialog = by("key-dialog");
  by("key-told").textContent = keptKey() ? "The service does not know this key. Another one?" : "This service asks for an API key.";
  by("key").value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const key = by("key").value.trim();
      by("key").value = "";
      const given = dialog.returnValue === "use" && key !== "";
      if (given) sessionStorage.setItem(NAME, key);
      dialog.returnValue = "";
      resolve(given);
    }, { once: true });
  });
}
