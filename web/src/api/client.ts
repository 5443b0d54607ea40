// Requests to the console's API, and its envelope.

export const base = "/api/console";

/** What is wrong with one parameter or field; `reason` names it for the words of a language. */
export interface Problem { message: string; location: string; reason: string; limit: number | null }

/**
 * An answer of the API that is no success. Status 0 is none at all: no server, or something before it
 * that answered in its place.
 */
export class ApiError extends Error {
  constructor(readonly status: number, message: string, readonly reason = "", readonly limit: number | null = null, readonly details: readonly Problem[] = [], readonly retryAfter = 0) {
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

let reach: ((answered: boolean) => void) | null = null;

/** Calls a function with every request: whether the server answered it. */
export function onReach(f: (answered: boolean) => void): void {
  reach = f;
}

/** Whether the server answers. */
export async function ping(): Promise<boolean> {
  try {
    return ((await (await fetch(base + "/health", { cache: "no-store" })).json()) as Envelope).code !== undefined;
  } catch {
    return false;
  }
}

interface Envelope { code: number; data?: unknown; message?: string; reason?: string; limit?: number; details?: Partial<Problem>[] | null }

/** What a proxy before a server that is gone answers with, in its own words. */
const fromProxy = [502, 503, 504];

async function ask<T>(method: string, path: string, body: unknown, signal: AbortSignal | undefined, heads?: (h: Headers) => void): Promise<T> {
  let res: Response;
  try {
    res = await fetch(base + path, {
      method, signal: signal ?? null, credentials: "same-origin",
      ...(body === undefined ? {} : body instanceof Blob ? { headers: { "Content-Type": "application/octet-stream" }, body } : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
  } catch (e) {
    if (e instanceof DOMException && e.name === "AbortError") throw e;
    reach?.(false);
    throw new ApiError(0, "");
  }
  let envelope: Envelope | null = null;
  try {
    envelope = (await res.json()) as Envelope;
  } catch {
    if (res.ok && res.status === 204) return undefined as T;
  }
  const answered = envelope?.code !== undefined || !fromProxy.includes(res.status);
  reach?.(answered);
  if (!answered) throw new ApiError(0, "");
  heads?.(res.headers);
  if (res.ok && envelope?.code === 0) return envelope.data as T;
  if (res.status === 401 && path !== "/session") signedOut?.();
  const details = (envelope?.details ?? []).map((d) => ({ message: d.message ?? "", location: d.location ?? "", reason: d.reason ?? "", limit: d.limit ?? null }));
  throw new ApiError(res.status, envelope?.message ?? res.statusText, envelope?.reason, envelope?.limit ?? null, details, Number(res.headers.get("Retry-After")) || 0);
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
  put: <T>(path: string, body: unknown) => ask<T>("PUT", path, body, undefined),
  post: <T>(path: string, body: unknown) => ask<T>("POST", path, body, undefined),
  patch: <T>(path: string, body: unknown) => ask<T>("PATCH", path, body, undefined),
  delete: <T>(path: string) => ask<T>("DELETE", path, undefined, undefined),
};
