import { describe, expect, it } from "vitest";
import { linkOfView, readViewPath } from "./address.ts";

describe("the address of a view", () => {
  it("is that of the page, below the console and without the place in a list", () => {
    const read = (pathname: string, search = "") => readViewPath({ pathname, search });
    expect(read("/console/")).toBe("/");
    expect(read("/console")).toBe("/");
    expect(read("/console/deliveries", "?status=failed,sent&cursor=abc&tz=utc")).toBe(
      "/deliveries?status=failed%2Csent&tz=utc",
    );
  });

  it("becomes a link again", () => {
    expect(linkOfView("/deliveries?status=failed%2Csent")).toEqual({
      to: "/deliveries",
      search: { status: "failed,sent" },
    });
    expect(linkOfView("/")).toEqual({ to: "/", search: {} });
  });
});
