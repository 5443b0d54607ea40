// What a refusal says, in the reader's language: the server's own sentences are English.
import { ApiError, type Problem } from "@/api/client";
import { clip } from "./format";

type Words = (key: string, values?: Record<string, unknown>) => string;

/** The lines under the headline of an error, each once. */
export function refusalLines(error: ApiError, locale: string, t: Words, te: (key: string) => boolean): string[] {
  const said = (reason: string, limit: number | null, message: string): string =>
    locale !== "en" && te("refusal." + reason) ? t("refusal." + reason, { n: limit ?? "" }) : message;
  const field = (location: string): string => {
    const name = location.split(".").at(-1)!.replace(/\[\d+\]$/, "");
    return locale !== "en" && te("field." + name) ? t("field." + name) : location;
  };
  const detail = (d: Problem): string => {
    const text = said(d.reason, d.limit, d.message);
    return d.location ? t("error.field", { field: field(d.location), text }) : text;
  };
  const details = error.details.filter((d) => d.message);
  // the message of a request with one thing wrong repeats what its detail says
  const lines = details.length > 0 ? details.map(detail) : [said(error.reason, error.limit, error.message)];
  return [...new Set(lines.filter(Boolean))].map((s) => clip(s));
}
