// Where telemetry is sent: the receivers that the server has, under the name by which this page reached it.
import { api } from "@/api/client";
import type { OTLP } from "@/api/types";
import { useResource, type Resource } from "./resource";

export interface Endpoint { url: string; host: string; port: number; protocol: "http" | "grpc"; auth: boolean; note: "" | "local" }
export interface Endpoints { http: Endpoint | null; grpc: Endpoint | null; known: boolean; none: boolean }

const everywhere = ["", "0.0.0.0", "::"];
const isLoopback = (h: string): boolean => /^(localhost|127(\.\d+){3}|::1|\[::1\])$/i.test(h);
const bracketed = (h: string): string => (h.includes(":") && !h.startsWith("[") ? `[${h}]` : h);

/** The address to send to. A receiver on all addresses, or on this machine like the page, has the page's own host. */
function endpointOf(e: NonNullable<OTLP["endpoints"]>[number], page: string): Endpoint {
  const shared = everywhere.includes(e.host) || (isLoopback(e.host) && isLoopback(page));
  const host = bracketed(shared ? page : e.host);
  return {
    host, port: e.port, protocol: e.protocol, auth: e.auth, url: `${e.tls ? "https" : "http"}://${host}:${e.port}`,
    note: isLoopback(e.host) && !isLoopback(page) ? "local" : "",
  };
}

/** What the server reports, as addresses; where it reports nothing, OTLP's usual ports. */
export function endpointsOf(otlp: OTLP | null, page = location.hostname || "localhost"): Endpoints {
  const usual = (protocol: "http" | "grpc", port: number): Endpoint => ({ url: `http://${bracketed(page)}:${port}`, host: bracketed(page), port, protocol, auth: false, note: "" });
  if (!otlp?.known) return { http: usual("http", 4318), grpc: usual("grpc", 4317), known: false, none: false };
  // one that others can reach goes before one that only this machine can
  const all = (otlp.endpoints ?? []).map((e) => endpointOf(e, page)).sort((a, b) => Number(a.note !== "") - Number(b.note !== ""));
  const first = (protocol: string) => all.find((e) => e.protocol === protocol) ?? null;
  return { http: first("http"), grpc: first("grpc"), known: true, none: all.length === 0 };
}

export const useOTLP = (): Resource<OTLP> => useResource(() => 0, (_, signal) => api.get<OTLP>("/otlp", undefined, signal));
