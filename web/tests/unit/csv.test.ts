import { expect, test } from "vitest";
import { csv, fileName, neutral } from "@/lib/csv";

test("CSV is RFC 4180, and no text becomes a formula", () => {
  const cases: [Parameters<typeof csv>[0][number], string][] = [
    [["a", 1, null, undefined, true], "a,1,,,true"],
    [['say "hi"', "a,b", "two\nlines"], '"say ""hi""","a,b","two\nlines"'],
    [["=1+1", "+1", "-1", "@x", "\tx", -1], "'=1+1,'+1,-1,'@x,'\tx,-1"],
    [['=HYPERLINK("http://x")'], `"'=HYPERLINK(""http://x"")"`],
  ];
  for (const [row, want] of cases) expect(csv([row])).toBe(want + "\r\n");
});

test("files have a range", () => expect(fileName("models", "csv", "2026-11-18_2026-11-24")).toBe("tokenboard-models-2026-11-18_2026-11-24.csv"));

test("nothing invisible hides a formula", () => {
  for (const hidden of ["", " ", "\uFEFF", "\u200B", "\u202E", "\u00AD", "\u3164", "\u034F", "\0", "\x7F", "\uFE0F", "\u{E0020}", '"', "\u2060\u2061 "])
    for (const begin of ["=1", "+1+1", "-1+1", "@x", "＝1", "－1", "﹦1", "−1"]) {
      expect(neutral(hidden + begin)).toBe("'" + hidden + begin);
      expect(neutral("a;" + hidden + begin)).toBe("a;'" + hidden + begin);
      expect(neutral("a\n" + hidden + begin)).toBe("a\n'" + hidden + begin);
    }
  for (const plain of ["", "a=b", "-1", "-1.5", "12", "'=1", "中", "a;b"]) expect(neutral(plain)).toBe(plain);
});
