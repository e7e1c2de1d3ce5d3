// Functions that make elements. Text from tokens and peers becomes text nodes, never markup.

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

// append adds a row to a list, removes the oldest rows beyond keep, and scrolls to the end if the list was there before.
export function append(list, row, keep) {
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 24;
  list.append(row);
  while (list.children.length > keep) list.firstElementChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
}

// fields fills a description list with names and values. Values that are empty or undefined are left out.
export function fields(list, values) {
  list.replaceChildren(...Object.entries(values).filter(([, value]) => value !== undefined && value !== "").flatMap(
    ([name, value]) => [make("dt", "", name), make("dd", "", make("code", "", String(value)))]));
}

// copyButton makes a button copy the result of text(), and show whether that worked.
export function copyButton(button, text) {
  const label = button.textContent;
  button.addEventListener("click", async () => {
    const copied = await navigator.clipboard?.writeText(text()).then(() => true, () => false);
    button.textContent = copied ? "Copied" : "Not allowed";
    setTimeout(() => { button.textContent = label; }, 1500);
  });
}

export const time = (date = new Date()) => date.toTimeString().slice(0, 8);
export const timeWithMillis = (date = new Date()) => `${time(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`;

const units = [[86400, "d"], [3600, "h"], [60, "min"]];

// span returns a number of seconds in one unit.
export function span(seconds) {
  const whole = Math.round(seconds);
  const [size, unit] = units.find(([size]) => whole >= 2 * size) ?? [1, "s"];
  return `${Math.max(0, Math.floor(whole / size))} ${unit}`;
}
