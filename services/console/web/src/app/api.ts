/** Calls of the console's JSON API. What goes wrong is an `ApiError` whose message says what to do. */
import { signal } from "@preact/signals";
import type { SessionAnswer } from "./openapi";

export type Session = SessionAnswer;

/** undefined: not asked yet; null: nobody is signed in. */
export const session = signal<Session | null | undefined>(undefined);

/** code: of the API (`not_found`, `unauthenticated`, …), or `unreachable` where nothing answered. status 0: the same. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** Whether the same call may work later: nothing answered, or the server says that it can't now. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status === 503 || this.status === 504;
  }
}

export interface CallOptions {
  signal?: AbortSignal | undefined;
  /** For a body of bytes: its media type. */
  type?: string | undefined;
  keepalive?: boolean | undefined;
}

export function url(path: string): string {
  return `/api/v1${path}`;
}

async function call(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<unknown> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET" && session.value) headers["X-Pipit-CSRF"] = session.value.csrf;
  let content: BodyInit | null = null;
  if (body instanceof Blob || body instanceof ArrayBuffer) {
    content = body;
    headers["Content-Type"] =
      options.type ?? (body instanceof Blob && body.type ? body.type : "application/octet-stream");
  } else if (body !== undefined) {
    content = JSON.stringify(body);
    headers["Content-Type"] = "application/json";
  }
  const request: RequestInit = { method, headers, body: content, credentials: "same-origin" };
  if (options.signal) request.signal = options.signal;
  if (options.keepalive) request.keepalive = true;
  let response: Response;
  try {
    response = await fetch(url(path), request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "The console does not answer. It is tried again; look whether it still runs.");
  }
  if (!response.ok) throw await failure(response, path);
  if (response.status === 204) return null;
  return response.json();
}

async function failure(response: Response, path: string): Promise<ApiError> {
  if (response.status === 401 && path !== "/session") session.value = null;
  try {
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    return new ApiError(response.status, error.code, error.message);
  } catch {
    return new ApiError(
      response.status,
      "unknown",
      `The console answered ${response.status} without saying why; its log tells more.`,
    );
  }
}

export const api = {
  get: <T>(path: string, options?: CallOptions) => call("GET", path, undefined, options) as Promise<T>,
  post: <T>(path: string, body?: unknown, options?: CallOptions) => call("POST", path, body, options) as Promise<T>,
  put: <T>(path: string, body?: unknown, options?: CallOptions) => call("PUT", path, body, options) as Promise<T>,
  delete: <T>(path: string, options?: CallOptions) => call("DELETE", path, undefined, options) as Promise<T>,
};

export function hasRole(role: "viewer" | "labeller" | "operator"): boolean {
  return session.value?.roles.includes(role) ?? false;
}

export async function loadSession(): Promise<void> {
  try {
    session.value = await api.get<Session>("/session");
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) session.value = null;
    else throw error;
  }
}

export async function signIn(given: { token?: string; name?: string }): Promise<void> {
  session.value = await api.post<Session>("/session", given);
}

export async function signOut(): Promise<void> {
  await api.delete("/session");
  session.value = null;
}
