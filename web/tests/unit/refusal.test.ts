import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { ApiError } from "@/api/client";
import { refusalLines } from "@/lib/refusal";

type Words = { [key: string]: string | Words };
const read = (l: string) => JSON.parse(readFileSync(fileURLToPath(new URL(`../../src/i18n/${l}.json`, import.meta.url)), "utf8")) as Words;
const words = { ...read("zh"), ...read("refusals.zh") };
const find = (key: string) => key.split(".").reduce<string | Words | undefined>((w, k) => (typeof w === "object" ? w[k] : undefined), words);
const te = (key: string) => typeof find(key) === "string";
const t = (key: string, v: Record<string, unknown> = {}) => String(find(key)).replaceAll(/\{(\w+)\}/g, (_, k: string) => String(v[k]));
const lines = (e: ApiError, locale = "zh") => refusalLines(e, locale, t, te);

const status = { message: 'must be "ok", "error" or an HTTP status code', location: "query.status", reason: "status_unknown", limit: null };

describe("what a refusal says", () => {
  test("once, though message and detail say the same", () => {
    const e = new ApiError(400, `query.status: ${status.message}`, "status_unknown", null, [status]);
    expect(lines(e)).toEqual(["状态：须为 ok、error 或 HTTP 状态码。"]);
    expect(refusalLines(e, "en", (_, v) => `${v!["field"]}: ${v!["text"]}`, () => false)).toEqual([`query.status: ${status.message}`]);
  });
  test("without details, by its reason", () => expect(lines(new ApiError(409, "body.name: a key of this name exists already", "key_name_taken"))).toEqual(["该名称已被其他密钥使用，请换一个名称。"]));
  test("with the number that it names", () => expect(lines(new ApiError(400, "x", "request_unfit", null, [{ message: "expected length <= 100", location: "body.name", reason: "text_too_long", limit: 100 }]))).toEqual(["名称：最多 100 个字符。"]));
  test("in the server's words where this page does not know the reason", () => expect(lines(new ApiError(409, "the moon is full", "moon_full"))).toEqual(["the moon is full"]));
});
