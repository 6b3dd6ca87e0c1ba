// Speaks with the API; the token, where there is one, stays in this tab.
const KEY = "liteproof-token";

export class Problem extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

export function keepToken(token) {
  sessionStorage.setItem(KEY, token);
}

export function hasToken() {
  return Boolean(sessionStorage.getItem(KEY));
}

export function takeTokenFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return;
  keepToken(given);
  history.replaceState(null, "", location.pathname);
}

export async function ask(path, options = {}) {
  const token = sessionStorage.getItem(KEY);
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "unreachable", "The device does not answer.");
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Problem(response.status, problem.code, problem.detail ?? response.statusText);
}

export async function classify(picture, each = false) {
  const began = performance.now();
  const wish = each ? "each=1" : "seen=1";
  const response = await ask(`v1/classify?${wish}`, { method: "POST", body: picture });
  const [answer] = (await response.json()).answers;
  return { ...answer, round_trip_ms: performance.now() - began };
}
