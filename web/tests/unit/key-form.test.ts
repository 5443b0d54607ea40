import { describe, expect, test } from "vitest";
import { amount, changeBody, createBody, emptyForm, formOf, limitsOf, wrongFields } from "@/lib/keyForm";
import type { Key } from "@/api/types";

test("amounts as people type them", () => {
  const cases: [string, number | null][] = [["", null], [" ", null], ["1200", 1200], ["1,000,000", 1e6], ["1_000", 1000], ["5M", 5e6], ["1.5k", 1500], ["20万", 200_000], ["3亿", 3e8], ["$0.5", 0.5]];
  for (const [text, want] of cases) expect(amount(text), text).toBe(want);
  for (const text of ["many", "-5", "1e9", "5MM"]) expect(amount(text), text).toBeNaN();
});

const form = (over: object) => ({ ...emptyForm(), ...over });

describe("limits", () => {
  test("only what is filled in", () => {
    const f = form({ requestsPerMinute: "60", tokens: { day: "5M", week: "", month: "", total: "" }, usd: { day: "", week: "", month: "10.5", total: "" } });
    expect(limitsOf(f)).toEqual({ requests_per_minute: 60, tokens: { day: 5e6 }, usd: { month: 10.5 } });
    expect(limitsOf(emptyForm())).toBeNull();
  });
  test("what is no limit", () => {
    expect(wrongFields(form({ requestsPerMinute: "0", tokensPerMinute: "1.5", tokens: { day: "x", week: "", month: "", total: "" }, usd: { day: "0.5", week: "-", month: "", total: "" } })))
      .toEqual(["requestsPerMinute", "tokensPerMinute", "tokens.day", "usd.week"]);
  });
});

test("a new key's body has what was filled in", () => {
  expect(createBody(form({ name: " a ", description: "" }), "UTC")).toEqual({ name: "a", description: "" });
  expect(createBody(form({ name: "a", owner: "zoë", models: "gpt-*，claude-*", lastDay: "2026-12-31" }), "Asia/Shanghai"))
    .toEqual({ name: "a", description: "", owner: "zoë", models: ["gpt-*", "claude-*"], expires_at: "2027-01-01T00:00:00+08:00" });
});

test("a change has what differs, null clears", () => {
  const key = { name: "a", description: "d", owner: "", models: ["gpt-*"], limits: { requests_per_minute: 60 }, expires_at: "2027-01-01T00:00:00+08:00" } as unknown as Key;
  const was = formOf(key, "Asia/Shanghai");
  expect(was).toMatchObject({ lastDay: "2026-12-31", models: "gpt-*", requestsPerMinute: "60" });
  expect(changeBody(was, { ...was }, "Asia/Shanghai")).toEqual({});
  expect(changeBody(was, { ...was, name: "b", models: "", lastDay: "", requestsPerMinute: "" }, "Asia/Shanghai")).toEqual({ name: "b", models: null, expires_at: null, limits: null });
});
