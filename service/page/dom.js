// Creation and lookup of elements. The page never parses text as HTML.

/** New element with a class and children. Each child is an element or a string. */
export function make(tag, className = "", ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** Element with this id. */
export const byId = (id) => document.getElementById(id);

/** Icon of `index.html` with this name. It has no text: the words beside it have the same meaning. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.setAttribute("class", "symbol");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/** Count with its noun: "1 vote", "2 votes". */
export const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
