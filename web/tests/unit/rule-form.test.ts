import { expect, test } from "vitest";
import type { AlertRuleSpec } from "../../src/api/types";
import { formOfRule, ruleBody } from "../../src/lib/ruleForm";

test("a rule that goes through the form is limited by what it was limited by", () => {
  const rule: AlertRuleSpec = {
    name: "r", kind: "spend", severity: "warning", enabled: true, limit: 5, window: "24h",
    filter: { team: ["team_1"], account: ["me@…"], model: ["a, b", "c"] },
  } as AlertRuleSpec;
  const form = formOfRule("r", rule);
  expect(form.filter.map((x) => x.by)).toEqual(["model", "account"]);
  expect(ruleBody(form).filter).toEqual(rule.filter);
  form.filter = [];
  expect(ruleBody(form).filter).toEqual({ team: ["team_1"] });
});
