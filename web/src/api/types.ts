import type { components } from "./schema";

type Schemas = components["schemas"];

export type Sums = Schemas["Sums"];
export type Stats = Schemas["Stats"];
export type ModelSums = Schemas["ModelSums"];
export type Trend = Schemas["Trend"];
export type Point = Schemas["Point"];
export type LogItem = Schemas["LogItem"];
export type LogPage = Schemas["LogPage"];

type Amounts = { day?: number | null; week?: number | null; month?: number | null; total?: number | null };
export interface Limits { requests_per_minute?: number | null; tokens_per_minute?: number | null; tokens?: Amounts | null; usd?: Amounts | null }
export interface Left { limit: number; used: number; reserved: number; left: number; resets_at: string | null }
export type Key = Omit<Schemas["Key"], "limits" | "status"> & {
  status: "active" | "disabled" | "expired" | "revoked";
  limits: Limits | null;
  models?: string[] | null;
  left?: { tokens?: Record<string, Left> | null; usd?: Record<string, Left> | null } | null;
  rotated?: { old_display: string; until: string } | null;
  origin?: string;
};
export type NewKey = Key & { key: string };
export type Quality = Schemas["Quality"];

export interface Session {
  access_mode: "open" | "local" | "oidc";
  user: { id: string; name: string; display_name: string; role: string; via: string } | null;
  permissions: string[];
  oidc: { name: string; login_url: string } | null;
  timezone: string;
  version: string;
}

export interface CostPart { kind: string; tokens: number; usd_per_mtok: number; usd: number }

export type LogDetail = LogItem & {
  cost: { price_version: string; total_usd: number | null; reported_usd: number | null; parts: CostPart[] | null } | null;
  supersedes: LogItem[] | null;
  superseded_by: (string | LogItem) & LogItem;
  links: { trace: string | null } | null;
};
