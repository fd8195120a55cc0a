import { beforeEach, describe, expect, it } from "vitest";
import { listen, match, navigate, path, place, setQuery, withQuery } from "../src/app/router";

listen();
beforeEach(() => navigate("/"));

describe("the router", () => {
  it("takes the parts of a path", () => {
    expect(match("/tasks/:task/versions/:version", "/tasks/home.sounds/versions/1.0.0%2Brc")).toEqual({
      task: "home.sounds",
      version: "1.0.0+rc",
    });
    expect(match("/tasks", "/tasks/x")).toBeNull();
    expect(match("/label/*", "/label")).toEqual({ rest: "" });
    expect(match("/label/*", "/label/home.sounds/grid")).toEqual({ rest: "home.sounds/grid" });
    expect(match("/tasks/:task", "/tasks/%E0%A4%A")).toEqual({ task: "%E0%A4%A" });
  });
  it("encodes what it joins, and reads it back", () => {
    expect(match("/devices/:id", path("devices", "pi/7 ?"))).toEqual({ id: "pi/7 ?" });
  });
  it("keeps the state in the address", () => {
    navigate("/devices?sort=id&task=a");
    setQuery({ task: null, filter: "hot" });
    expect(location.search).toBe("?sort=id&filter=hot");
    expect(withQuery({ sort: "-id" })).toBe("/devices?sort=-id&filter=hot");
    expect(place.value.query.get("filter")).toBe("hot");
  });
  it("follows links to itself, and leaves those of others to the browser", () => {
    const click = (href: string) => {
      const link = document.createElement("a");
      link.href = href;
      document.body.append(link);
      const event = new MouseEvent("click", { bubbles: true, cancelable: true, button: 0 });
      link.dispatchEvent(event);
      link.remove();
      return event.defaultPrevented;
    };
    expect(click("/tasks/a?tab=moves")).toBe(true);
    expect(place.value.path).toBe("/tasks/a");
    expect(place.value.query.get("tab")).toBe("moves");
    expect(click("/api/v1/devices/pi/archive")).toBe(false);
  });
});
