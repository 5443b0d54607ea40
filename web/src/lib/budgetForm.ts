import type { Budget } from "@/api/types";
import { amount, type Period } from "./keyForm";

export const scopes = ["all", "key", "user", "team", "model", "provider", "account"] as const;
export type Scope = (typeof scopes)[number];
/** Whether key checks can refuse calls for a budget: they do not know which upstream account will serve a call. */
export const mayBeHard = (s: Scope): boolean => s !== "account";
/** Whether a budget is for something that has to be named. */
export const hasSubject = (s: Scope): boolean => s !== "all";
/** The smallest and the largest limit that the API takes. */
export const limits = { tokens: { from: 1, to: 2 ** 53 }, usd: { from: 1e-9, to: 1e9 } } as const;
export const weekdays = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;

/** A budget as it stands in the form: texts, as people type them. */
export interface BudgetForm {
  name: string;
  scope: Scope;
  subject: string;
  period: Period;
  weekBegins: string;
  monthBegins: number;
  unit: "tokens" | "usd";
  limit: string;
  hard: boolean;
}

export const emptyBudget = (): BudgetForm => ({
  name: "", scope: "user", subject: "", period: "month", weekBegins: "monday", monthBegins: 1, unit: "usd", limit: "", hard: false,
});

export function formOfBudget(b: Budget): BudgetForm {
  return {
    name: b.name, scope: b.scope, subject: b.subject, period: b.period, weekBegins: b.week_begins ?? "monday", monthBegins: b.month_begins ?? 1,
    unit: b.usd ? "usd" : "tokens", limit: String(b.usd?.limit ?? b.tokens?.limit ?? ""), hard: b.hard,
  };
}

/** The limit as a number; NaN where the text is none that can be meant. */
export function limitOf(f: BudgetForm): number {
  const n = amount(f.limit) ?? Number.NaN;
  const { from, to } = limits[f.unit];
  return n >= from && n <= to && (f.unit === "usd" || Number.isInteger(n)) ? n : Number.NaN;
}

/** What the API takes of a form. */
export function budgetBody(f: BudgetForm): Record<string, unknown> {
  return {
    name: f.name.trim(), scope: f.scope, period: f.period, hard: f.hard && mayBeHard(f.scope), [f.unit]: limitOf(f),
    ...(hasSubject(f.scope) ? { subject: f.subject.trim() } : {}),
    ...(f.period === "week" ? { week_begins: f.weekBegins } : {}),
    ...(f.period === "month" ? { month_begins: f.monthBegins } : {}),
  };
}

/** Names that are typed one in a line, or with commas between. */
export const namesOf = (s: string): string[] => [...new Set(s.split(/[\n,，]/).map((x) => x.trim()).filter(Boolean))];
