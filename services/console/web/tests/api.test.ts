import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiError, api, hasRole, loadSession, session, signIn } from "../src/app/api";

function answer(status: number, body: unknown) {
  const stub = vi.fn(async (_url: string, _request: RequestInit) => new Response(JSON.stringify(body), { status }));
  vi.stubGlobal("fetch", stub);
  return stub;
}
const someone = { name: "ada", roles: ["viewer", "operator"], anonymous: false, csrf: "c5rf", tasks: null };

afterEach(() => {
  vi.unstubAllGlobals();
  session.value = undefined;
});

describe("the client", () => {
  it("sends the session's CSRF token with what changes something, and with nothing else", async () => {
    answer(200, someone);
    await signIn({ token: "secret" });
    const stub = answer(200, { ok: true });
    await api.get("/devices");
    await api.put("/devices/pi-7/pins/a", { version: "1.0.0" });
    const [get, put] = stub.mock.calls.map(([url, request]) => ({
      url,
      headers: request.headers as Record<string, string>,
      body: request.body,
    }));
    expect(get?.url).toBe("/api/v1/devices");
    expect(get?.headers["X-Pipit-CSRF"]).toBeUndefined();
    expect(put?.headers["X-Pipit-CSRF"]).toBe("c5rf");
    expect(put?.body).toBe('{"version":"1.0.0"}');
  });
  it("sends bytes as what they are", async () => {
    const stub = answer(200, {});
    await api.post("/try/a", new Blob(["x"], { type: "audio/wav" }));
    expect(stub.mock.calls[0]?.[1].headers).toMatchObject({ "Content-Type": "audio/wav" });
  });
  it("makes errors of what the API says", async () => {
    answer(409, { error: { code: "conflict", message: "Somebody was first. Load again." } });
    const error = (await api.post("/tasks/a/promote", {}).catch((thrown: unknown) => thrown)) as ApiError;
    expect(error).toBeInstanceOf(ApiError);
    expect([error.status, error.code, error.message, error.passing]).toEqual([
      409,
      "conflict",
      "Somebody was first. Load again.",
      false,
    ]);
  });
  it("says so where nobody answers", async () => {
    vi.stubGlobal("fetch", async () => Promise.reject(new TypeError("failed")));
    const error = (await api.get("/devices").catch((thrown: unknown) => thrown)) as ApiError;
    expect([error.code, error.passing]).toEqual(["unreachable", true]);
  });
  it("signs out where the session has ended, and knows roles", async () => {
    answer(200, someone);
    await loadSession();
    expect([hasRole("operator"), hasRole("labeller")]).toEqual([true, false]);
    answer(401, { error: { code: "unauthenticated", message: "Sign in again." } });
    await expect(api.get("/devices")).rejects.toThrow("Sign in again.");
    expect(session.value).toBeNull();
    await loadSession();
    expect(session.value).toBeNull();
  });
});
