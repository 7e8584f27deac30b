// API key for services that require one. The user enters it once, and the browser keeps it until the tab closes.
import { byId } from "./dom.js";

const STORAGE_NAME = "twinpath-key";

/** Stored key, or null. */
export const storedKey = () => sessionStorage.getItem(STORAGE_NAME);

/** Authorization header with the stored key, or no header. */
export function authorizationHeader() {
  const key = storedKey();
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** Show the key dialog. Resolves to true if the user entered a key. */
export function requestKey() {
  const dialog = byId("key-dialog");
  byId("key-reason").textContent = storedKey() ? "The service did not accept this key. Enter another key." : "This service requires an API key.";
  byId("key").value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const key = byId("key").value.trim();
      byId("key").value = "";
      const isEntered = dialog.returnValue === "use" && key !== "";
      if (isEntered) sessionStorage.setItem(STORAGE_NAME, key);
      dialog.returnValue = "";
      resolve(isEntered);
    }, { once: true });
  });
}
