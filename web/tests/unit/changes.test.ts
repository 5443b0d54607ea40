import { expect, test } from "vitest";
import { exactPart, figureOf, sharePart, type ShareMeasure, type Two } from "@/lib/changes";

const none = { api_call_count: 0, error_count: 0, no_usage_count: 0, input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, total_tokens: 0, cost_usd: 0, unpriced_count: 0 };
type Sums = Two["before"];
const add = (a: Sums, b: Sums): Sums => Object.fromEntries(Object.keys(none).map((k) => [k, a[k as keyof Sums] + b[k as keyof Sums]])) as unknown as Sums;
const whole = (groups: Two[]): Two => groups.reduce((all, g) => ({ before: add(all.before, g.before), after: add(all.after, g.after) }), { before: none, after: none });

/** numbers that look random and are the same in every run */
function sequence(seed: number): (below: number) => number {
  let s = seed;
  return (below) => ((s = (s * 48271) % 2147483647) / 2147483647) * below | 0;
}

test("the parts of a share add up to its difference, exactly", () => {
  const random = sequence(20261130);
  for (let n = 0; n < 300; n++) {
    const groups: Two[] = Array.from({ length: 1 + random(9) }, () => {
      const side = (): Sums => {
        if (random(4) === 0) return none; // it is new, or gone
        const [calls, input] = [random(1e6), random(2e9)];
        return { ...none, api_call_count: calls, error_count: random(calls + 1), input_tokens: input, cache_read_tokens: random(input + 1) };
      };
      return { before: side(), after: side() };
    });
    const all = whole(groups);
    for (const m of ["errors", "cache"] as ShareMeasure[]) {
      const [was, is] = [figureOf(all.before, m), figureOf(all.after, m)];
      if (was === null || is === null) {
        for (const g of groups) expect(sharePart(m, all, g)).toBeNull();
        continue;
      }
      const [of, base] = m === "errors" ? (["error_count", "api_call_count"] as const) : (["cache_read_tokens", "input_tokens"] as const);
      const [a0, n0, a1, n1] = [all.before[of], all.before[base], all.after[of], all.after[base]].map(BigInt) as [bigint, bigint, bigint, bigint];
      expect(groups.reduce((sum, g) => sum + exactPart(m, all, g), 0n)).toBe(a1 * n0 * n0 - a0 * n0 * n1);
      const parts = groups.map((g) => sharePart(m, all, g)!);
      expect(parts.reduce((sum, p) => sum + p.total, 0)).toBeCloseTo(is - was, 12);
      for (const p of parts) expect(p.mix + p.rate).toBeCloseTo(p.total, 12);
      // the rest of a list is one group, and has the part of all in it
      expect(exactPart(m, all, whole(groups.slice(1)))).toBe(groups.slice(1).reduce((sum, g) => sum + exactPart(m, all, g), 0n));
    }
  }
});

test("what a part says", () => {
  const calls = (n: number, failed: number): Sums => ({ ...none, api_call_count: n, error_count: failed });
  // a fails as often as before, b twice as often, and is used twice as much
  const a = { before: calls(100, 1), after: calls(100, 1) };
  const b = { before: calls(100, 9), after: calls(200, 36) };
  const all = whole([a, b]);
  const [pa, pb] = [sharePart("errors", all, a)!, sharePart("errors", all, b)!];
  expect(pa.rate).toBeCloseTo(0, 12);
  expect(pb.rate).toBeCloseTo((200 / 300) * (0.18 - 0.09), 12);
  expect(pb.mix).toBeCloseTo((200 / 300 - 0.5) * (0.09 - 0.05), 12);
  // one that is new is mix, and so is one that is gone
  const c = { before: calls(0, 0), after: calls(50, 50) };
  expect(sharePart("errors", whole([a, c]), c)!.rate).toBe(0);
  const d = { before: calls(50, 50), after: calls(0, 0) };
  expect(sharePart("errors", whole([a, d]), d)!.rate).toBe(0);
});
