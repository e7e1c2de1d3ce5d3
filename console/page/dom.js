// Making elements. Text from anywhere only ever becomes text nodes.

export const $ = (id) => document.getElementById(id);

// make returns an element with a class and children, which are elements or text.
export function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

export function show(element, shown) {
  element.hidden = !shown;
}

// append adds a row to a list that keeps only the last ones, and stays at the end if it was there.
export function append(list, row, keep) {
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 24;
  list.append(row);
  while (list.children.length > keep) list.firstElementChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
}

export const time = (date = new Date()) => date.toTimeString().slice(0, 8);
export const timeWithMillis = (date = new Date()) => `${time(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
