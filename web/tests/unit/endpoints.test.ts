import { describe, expect, test } from "vitest";
import { endpointsOf } from "@/lib/endpoints";
import { snippets } from "@/lib/snippets";

const at = (host: string, more = {}) => ({ receiver: "otlp", protocol: "http" as const, host, port: 15318, tls: false, auth: false, ...more });
const of = (page: string, ...endpoints: ReturnType<typeof at>[]) => endpointsOf({ known: true, endpoints }, page);

describe("the address to send to", () => {
  test.each([
    ["of a receiver on all addresses is the page's host", "tokens.example", "0.0.0.0", "http://tokens.example:15318", ""],
    ["the same of IPv6", "tokens.example", "::", "http://tokens.example:15318", ""],
    ["the same of an empty host", "10.0.0.5", "", "http://10.0.0.5:15318", ""],
    ["of a page on this machine is the name that it is known by", "localhost", "127.0.0.1", "http://localhost:15318", ""],
    ["of a receiver on this machine only says so to a page from elsewhere", "tokens.example", "127.0.0.1", "http://127.0.0.1:15318", "local"],
    ["of a receiver on one address is that address", "localhost", "192.0.2.7", "http://192.0.2.7:15318", ""],
    ["of an IPv6 address has brackets", "localhost", "2001:db8::1", "http://[2001:db8::1]:15318", ""],
  ])("%s", (_, page, host, url, note) => expect(of(page, at(host)).http).toMatchObject({ url, note }));

  test("has https where the receiver has TLS, and a header where it asks for credentials", () => {
    const e = of("tokens.example", at("", { tls: true, auth: true }));
    expect(e.http!.url).toBe("https://tokens.example:15318");
    expect(snippets.sdk(e)).toContain("OTEL_EXPORTER_OTLP_HEADERS=");
    expect(snippets.curl(e)).toContain("https://tokens.example:15318/v1/traces");
  });
  test("is that of gRPC where there is no HTTP", () => {
    const e = of("localhost", at("", { protocol: "grpc" as never, port: 15317 }));
    expect(e.http).toBeNull();
    expect(snippets.claude(e)).toMatch(/PROTOCOL=grpc\nexport OTEL_EXPORTER_OTLP_ENDPOINT=http:\/\/localhost:15317/);
  });
  test("prefers a receiver that others can reach", () => expect(of("tokens.example", at("127.0.0.1"), at("0.0.0.0", { port: 5 })).http!.url).toBe("http://tokens.example:5"));
  test("is the usual port where the server reports nothing", () => expect(endpointsOf({ known: false, endpoints: [] }, "localhost")).toMatchObject({ known: false, http: { url: "http://localhost:4318" } }));
  test("is none where no receiver leads to Tokenboard", () => expect(of("localhost")).toMatchObject({ none: true, http: null, grpc: null }));
});
