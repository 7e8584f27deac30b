// Makes elements; text only ever enters the page as text.

/** An element with a class and children, which are elements or strings. */
export function make(tag, className = "", ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** The element with this id. */
export const by = (id) => document.getElementById(id);
