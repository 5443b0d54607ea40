import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { budgetBody, emptyBudget, hasSubject, limitOf, mayBeHard, scopes, weekdays, type BudgetForm } from "@/lib/budgetForm";
import { periods } from "@/lib/keyForm";

// Which budgets the API takes: a test of it writes the file, and fails where it is not so any more.
const takes = JSON.parse(readFileSync(fileURLToPath(new URL("../../../internal/console/budgets/testdata/form.json", import.meta.url)), "utf8")) as {
  scopes: Record<string, { subject: boolean; hard: boolean }>;
  periods: Record<string, { week_begins: boolean; month_begins: boolean }>;
  tokens: Record<string, boolean>;
  usd: Record<string, boolean>;
};
const form = (over: Partial<BudgetForm>): BudgetForm => ({ ...emptyBudget(), name: "b", subject: "x", limit: "5", ...over });

describe("the form offers what the API takes", () => {
  test("every scope and period, and no other", () => {
    expect([...scopes].sort()).toEqual(Object.keys(takes.scopes).sort());
    expect([...periods].sort()).toEqual(Object.keys(takes.periods).sort());
  });
  for (const scope of scopes) {
    test(scope, () => {
      const may = takes.scopes[scope]!;
      expect(mayBeHard(scope)).toBe(may.hard);
      expect(hasSubject(scope)).toBe(may.subject);
      for (const period of periods) for (const unit of ["tokens", "usd"] as const) {
        const body = budgetBody(form({ scope, period, unit, hard: true, weekBegins: weekdays[6], monthBegins: 31 }));
        expect(body["hard"]).toBe(may.hard);
        expect("subject" in body).toBe(may.subject);
        expect("week_begins" in body).toBe(takes.periods[period]!.week_begins);
        expect("month_begins" in body).toBe(takes.periods[period]!.month_begins);
        expect([body["tokens"], body["usd"]]).toEqual(unit === "tokens" ? [5, undefined] : [undefined, 5]);
      }
    });
  }
  test("limits", () => {
    for (const unit of ["tokens", "usd"] as const) {
      for (const [limit, may] of Object.entries(takes[unit])) expect(!Number.isNaN(limitOf(form({ unit, limit }))), `${limit} ${unit}`).toBe(may);
    }
  });
});
