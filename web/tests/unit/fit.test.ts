import { describe, expect, test } from "vitest";
import { folded } from "@/lib/fit";

const columns = [
  { key: "model", need: 150, keep: 50, fixed: true }, { key: "user", need: 100, keep: 20, fixed: false }, { key: "service", need: 100, keep: 20, fixed: false },
  { key: "input", need: 70, keep: 60, fixed: false }, { key: "cost", need: 80, keep: 90, fixed: false }, { key: "actions", need: 52, keep: 50, fixed: true },
];

describe("the columns that are folded", () => {
  test.each([
    ["all fit", 552, []],
    ["one pixel too few", 551, ["service"]],
    ["of equal ones the rightmost goes first", 400, ["user", "service"]],
    ["the important ones go last, and are named first", 300, ["input", "user", "service"]],
    ["what is fixed stays, however narrow it is", 10, ["cost", "input", "user", "service"]],
  ])("%s", (_, width, want) => expect(folded(columns, width)).toEqual(want));
});
