import type { components } from "./schema";

type Schemas = components["schemas"];

export type Sums = Schemas["Sums"];
export type Measured = Schemas["Measured"];
export type Stats = Schemas["Stats"];
export type ModelSums = Schemas["ModelSums"];
export type Trend = Schemas["Trend"];
export type Point = Schemas["Point"];
export type LogItem = Schemas["LogItem"];
export type LogPage = Schemas["LogPage"];

export type Key = Schemas["Key"];
export type NewKey = Schemas["NewKey"];
export type Limits = Schemas["Limits"];
export type Allowance = Schemas["AllowanceInt64"];
export type Budget = Schemas["Budget"];
export type Team = Schemas["Team"];
export type Quality = Schemas["Quality"];
export type QualityFlags = Schemas["Flags"];
export type Accounts = Schemas["Accounts"];

export type OTLP = Schemas["OTLP"];

export type Session = Schemas["Session"] & { permissions: string[] };
// the answer has the fields of the call, of which the description leaves one out
export type LogDetail = Schemas["LogDetail"] & LogItem;
export type Breakdown = Schemas["Breakdown"];
export type Ranking = Schemas["Ranking"];
export type BreakdownRow = Schemas["BreakdownRow"];
export type Heatmap = Schemas["Heatmap"];
export type DimensionValues = Schemas["DimensionValues"];
export type User = Schemas["User"];
export type Token = Schemas["Token"];
export type NewToken = Schemas["NewToken"];
export type AuditItem = Schemas["AuditItem"];
export type AuditPage = Schemas["AuditPage"];
export type Settings = Schemas["Settings"];
export type Cluster = Schemas["Cluster"];
export type Replica = Schemas["Replica"];
export type Prices = Schemas["Prices"];
export type ModelPrice = Schemas["ModelPrice"];
export type RepriceReport = Schemas["RepriceReport"];
export type OwnPrice = Schemas["OwnPrice"];
export type PriceEntry = Schemas["Entry"];
export type PricePreview = Schemas["Preview"];
export type PriceJob = Schemas["Job"];
export type BookPage = Schemas["BookPage"];
export type SheetImport = Schemas["SheetImport"];
export type View = Schemas["View"];

export type Alert = Schemas["Alert"];
export type AlertRule = Schemas["AlertRule"];
export type AlertRuleSpec = Schemas["AlertRuleSpec"];
export type AlertTemplate = Schemas["AlertRuleTemplate"];
export type AlertDryRun = Schemas["AlertDryRun"];
export type AlertChannel = Schemas["AlertChannel"];
export type AlertChannelKind = Schemas["AlertChannelKind"];
export type AlertDelivery = Schemas["AlertDelivery"];
export type Forecast = Schemas["Forecast"];
export type Changes = Schemas["Changes"];
