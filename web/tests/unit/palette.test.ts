import { expect, test } from "vitest";
import { shadesOf } from "@/lib/palette";

test("a group has one shade, whatever the order, and eight groups have eight", () => {
  const names = ["gpt-4o", "gpt-4.1", "claude-sonnet-4-5", "gemini-2.5-pro", "qwen3", "deepseek-v3", "llama-3.3-70b", ""];
  const shades = shadesOf(names);
  expect(new Set(shades.values()).size).toBe(8);
  expect(shadesOf([...names].reverse())).toEqual(shades);
  expect(shadesOf(["gpt-4o"]).get("gpt-4o")).toBe(shadesOf(["gpt-4o", "gpt-4o"]).get("gpt-4o"));
});
