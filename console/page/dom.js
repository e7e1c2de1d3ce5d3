// Making elements. Text from other people becomes text nodes only, never markup.

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

// append adds a row to a list that keeps only the newest ones, and stays at the end if it was there.
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

// copyButton makes a button copy what text() returns, and say whether it worked.
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
