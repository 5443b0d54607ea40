import { expect, test } from "vitest";
import { csv, fileName } from "@/lib/csv";

test("CSV is RFC 4180, and no text becomes a formula", () => {
  const cases: [Parameters<typeof csv>[0][number], string][] = [
    [["a", 1, null, undefined, true], "a,1,,,true"],
    [['say "hi"', "a,b", "two\nlines"], '"say ""hi""","a,b","two\nlines"'],
    [["=1+1", "+1", "-1", "@x", "\tx", -1], "'=1+1,'+1,'-1,'@x,'\tx,-1"],
    [['=HYPERLINK("http://x")'], `"'=HYPERLINK(""http://x"")"`],
  ];
  for (const [row, want] of cases) expect(csv([row])).toBe(want + "\r\n");
});

test("files have a range", () => expect(fileName("models", "csv", "2026-11-18_2026-11-24")).toBe("tokenboard-models-2026-11-18_2026-11-24.csv"));
