import { expect, test } from "vitest";
import { changesOf } from "@/lib/auditChanges";

const words: Record<string, string> = {
  "field.role": "角色", "field.limits": "限额", "field.tokens": "Token", "field.month": "每月", "field.usd": "美元", "field.day": "每天", "field.disabled": "已停用", "field.expires_at": "过期时间",
  "role.viewer": "只读", "role.admin": "管理员", "setting.yes": "是", "setting.no": "否",
};
const zh = { locale: "zh" as const, zone: "Asia/Shanghai", t: (k: string) => words[k]!, te: (k: string) => k in words };

test("the fields and values of an entry are in words", () => {
  expect(changesOf({ role: "viewer", disabled: false, limits: { tokens: { month: 5_000_000 }, usd: { day: 2.5 } } }, { role: "admin", disabled: true, limits: null, expires_at: "2026-12-01T00:00:00Z", new_field: "as it is" }, zh)).toEqual([
    { name: "角色", before: "只读", after: "管理员" },
    { name: "已停用", before: "否", after: "是" },
    { name: "限额 · Token · 每月", before: "5,000,000", after: "" },
    { name: "限额 · 美元 · 每天", before: "$2.50", after: "" },
    { name: "过期时间", before: "", after: "2026/12/01 08:00:00" },
    { name: "new_field", before: "", after: "as it is" },
  ]);
  expect(changesOf(null, undefined, zh)).toEqual([]);
});
