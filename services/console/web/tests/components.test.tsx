import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../src/app/api";
import { shown, useKeys } from "../src/app/keys";
import { type Loaded, useLoad } from "../src/app/load";
import { navigate } from "../src/app/router";
import { Form } from "../src/ui/form";
import { Table } from "../src/ui/table";

let root: HTMLElement;
beforeEach(() => {
  root = document.createElement("div");
  document.body.append(root);
});
afterEach(() => {
  act(() => render(null, root));
  root.remove();
  vi.useRealTimers();
});

function press(key: string, target: Element = document.body): KeyboardEvent {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
  target.dispatchEvent(event);
  return event;
}

describe("keys", () => {
  const run = { one: vi.fn(), two: vi.fn() };
  function Screen({ active = true }: { active?: boolean }) {
    useKeys(
      "Test",
      [
        { key: "?", what: "help", run: run.one },
        { key: "g n", what: "now", run: run.two },
      ],
      active,
    );
    return <input />;
  }
  it("are heard one by one and in pairs, but not in fields, and are listed", () => {
    act(() => render(<Screen />, root));
    expect(press("?").defaultPrevented).toBe(true);
    press("n");
    press("g");
    press("n");
    press("g");
    press("x");
    press("n");
    press("?", root.querySelector("input") as Element);
    expect([run.one.mock.calls.length, run.two.mock.calls.length]).toEqual([1, 1]);
    expect(shown.value.map(({ title }) => title)).toEqual(["Test"]);
    act(() => render(<Screen active={false} />, root));
    press("?");
    expect(run.one).toHaveBeenCalledTimes(1);
    expect(shown.value).toEqual([]);
  });
});

describe("what is loaded", () => {
  let loaded: Loaded<string>;
  function Screen({ id, load }: { id: string; load: () => Promise<string> }) {
    loaded = useLoad(id, load, 1000);
    return <p>{loaded.data}</p>;
  }
  const settle = () => act(async () => vi.advanceTimersByTimeAsync(0).then(() => undefined));
  it("comes again, keeps its last answer through an error, and waits while it is paused", async () => {
    vi.useFakeTimers();
    const load = vi
      .fn()
      .mockResolvedValueOnce("one")
      .mockRejectedValueOnce(new ApiError(503, "unavailable", "later"))
      .mockResolvedValue("three");
    act(() => render(<Screen id="a" load={load} />, root));
    await settle();
    expect(root.textContent).toBe("one");
    await act(async () => void (await vi.advanceTimersByTimeAsync(1000)));
    expect([root.textContent, loaded.error?.message]).toEqual(["one", "later"]);
    loaded.paused.value = true;
    await act(async () => void (await vi.advanceTimersByTimeAsync(5000)));
    expect(load).toHaveBeenCalledTimes(2);
    loaded.paused.value = false;
    await act(async () => void (await vi.advanceTimersByTimeAsync(1000)));
    expect([root.textContent, loaded.error]).toEqual(["three", null]);
  });
  it("is not asked for again before it has come, and never shows another's answer", async () => {
    vi.useFakeTimers();
    const answers: ((value: string) => void)[] = [];
    const load = vi.fn(() => new Promise<string>((resolve) => answers.push(resolve)));
    act(() => render(<Screen id="a" load={load} />, root));
    await act(async () => void (await vi.advanceTimersByTimeAsync(3000)));
    expect(load).toHaveBeenCalledTimes(1);
    act(() => render(<Screen id="b" load={load} />, root));
    answers[0]?.("of a");
    await settle();
    expect(root.textContent).toBe("");
    answers[1]?.("of b");
    await settle();
    expect(root.textContent).toBe("of b");
  });
});

describe("a form", () => {
  it("says in itself what went wrong, and can be sent again", async () => {
    const submit = vi
      .fn()
      .mockRejectedValueOnce(new ApiError(409, "conflict", "Somebody was first."))
      .mockResolvedValue(undefined);
    act(() =>
      render(
        <Form action="Send" submit={submit} cancel={() => undefined}>
          x
        </Form>,
        root,
      ),
    );
    const send = () =>
      act(async () => void root.querySelector("form")?.dispatchEvent(new Event("submit", { cancelable: true })));
    await send();
    expect(root.querySelector("[role=alert]")?.textContent).toBe("Somebody was first.");
    await send();
    expect(root.querySelector("[role=alert]")).toBeNull();
    expect(submit).toHaveBeenCalledTimes(2);
  });
});

describe("a table", () => {
  it("keeps its order in the address", () => {
    navigate("/devices");
    const columns = [{ id: "id", title: "Id", cell: (row: string) => row, by: (row: string) => row }];
    const show = () =>
      act(() => render(<Table caption="All" columns={columns} rows={["pi-10", "pi-9"]} rowKey={(row) => row} />, root));
    const read = () => [...root.querySelectorAll("td")].map((cell) => cell.textContent).join(" ");
    show();
    for (const [order, text] of [
      ["id", "pi-9 pi-10"],
      ["-id", "pi-10 pi-9"],
      [null, "pi-10 pi-9"],
    ] as const) {
      act(() => void root.querySelector("th button")?.dispatchEvent(new MouseEvent("click", { bubbles: true })));
      show();
      expect([new URLSearchParams(location.search).get("sort"), read()]).toEqual([order, text]);
    }
  });
});
