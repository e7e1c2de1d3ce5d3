// Requests to the API of operators, on this page's own origin.

let token = ""; // in this page's memory only

export const hasToken = () => token !== "";
export const setToken = (compact) => { token = compact.trim().replace(/^Bearer\s+/i, ""); };

// A Refused is an answer of the API other than success.
export class Refused extends Error {
  constructor(status, problem) {
    const named = problem.id ? ` (${problem.id} in the log of the server)` : "";
    super(`${problem.detail ?? problem.title ?? `HTTP ${status}`}${named}`);
    this.status = status;
  }
}

// call sends a request and returns the body of the response. It throws a Refused, or another error if the server did not answer.
export async function call(method, path, { query, body } = {}) {
  const parameters = new URLSearchParams(query).toString();
  const response = await fetch(parameters ? `${path}?${parameters}` : path, {
    method,
    headers: { Authorization: `Bearer ${token}`, ...(body && { "Content-Type": "application/json" }) },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}
