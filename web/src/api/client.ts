// Requests to the console's API, and its envelope.

export const base = "/api/console";

/** An answer of the API that is no success, or none at all (status 0). */
export class ApiError extends Error {
  constructor(readonly status: number, message: string, readonly details: readonly string[] = [], readonly retryAfter = 0) {
    super(message);
    this.name = "ApiError";
  }
}

/** What a route that this server does not have is answered with. */
export const missing = (e: unknown): boolean => e instanceof ApiError && e.status === 404;

let signedOut: (() => void) | null = null;

/** Calls a function where a request is refused because nobody is signed in. */
export function onSignedOut(f: () => void): void {
  signedOut = f;
}

interface Envelope { code: number; data?: unknown; message?: string; details?: { message?: string; location?: string }[] | null }

async function ask<T>(method: string, path: string, body: unknown, signal: AbortSignal | undefined, heads?: (h: Headers) => void): Promise<T> {
  let res: Response;
  try {
    res = await fetch(base + path, {
      method, signal: signal ?? null, credentials: "same-origin",
      ...(body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
  } catch (e) {
    if (e instanceof DOMException && e.name === "AbortError") throw e;
    throw new ApiError(0, "");
  }
  let envelope: Envelope | null = null;
  try {
    envelope = (await res.json()) as Envelope;
  } catch {
    if (res.ok && res.status === 204) return undefined as T;
  }
  heads?.(res.headers);
  if (res.ok && envelope?.code === 0) return envelope.data as T;
  if (res.status === 401 && path !== "/session") signedOut?.();
  const details = (envelope?.details ?? []).map((d) => [d.location, d.message].filter(Boolean).join(": "));
  throw new ApiError(res.status, envelope?.message ?? res.statusText, details, Number(res.headers.get("Retry-After")) || 0);
}

function withParams(path: string, params?: URLSearchParams): string {
  const q = params?.toString();
  return q ? `${path}?${q}` : path;
}

/** All entries of a list that the API answers page by page. */
async function list<T>(path: string, signal?: AbortSignal): Promise<T[]> {
  const all: T[] = [];
  let next: string | null = null;
  do {
    const params: URLSearchParams | undefined = next ? new URLSearchParams({ cursor: next }) : undefined;
    all.push(...((await ask<T[] | null>("GET", withParams(path, params), undefined, signal, (h) => (next = h.get("X-Next-Cursor")))) ?? []));
  } while (next);
  return all;
}

export const api = {
  list,
  get: <T>(path: string, params?: URLSearchParams, signal?: AbortSignal) => ask<T>("GET", withParams(path, params), undefined, signal),
  post: <T>(path: string, body: unknown) => ask<T>("POST", path, body, undefined),
  patch: <T>(path: string, body: unknown) => ask<T>("PATCH", path, body, undefined),
  delete: <T>(path: string) => ask<T>("DELETE", path, undefined, undefined),
};
