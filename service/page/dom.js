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
