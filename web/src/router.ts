import { createRouter, createWebHistory, type RouteRecordRaw } from "vue-router";
import { oneOf } from "./lib/filters";
import { isZone } from "./lib/zone";
import type { IconName } from "./components/Icon.vue";
import Login from "./pages/Login.vue";
import { usePrefs } from "./stores/prefs";

/** A page of the console: who may see it, and whether the common filters apply to it. */
export interface PageMeta { icon: IconName; need: string; filters: boolean | "range"; second?: boolean }

const page = (name: string, path: string, component: RouteRecordRaw["component"], meta: PageMeta): RouteRecordRaw =>
  ({ name, path, component, meta: { ...meta } }) as RouteRecordRaw;

export const routes: RouteRecordRaw[] = [
  page("dashboard", "/", () => import("./pages/Dashboard.vue"), { icon: "dashboard", need: "read_usage", filters: true }),
  page("logs", "/logs", () => import("./pages/Logs.vue"), { icon: "logs", need: "read_usage", filters: true }),
  page("keys", "/keys", () => import("./pages/Keys.vue"), { icon: "keys", need: "read_keys", filters: false }),
  page("explore", "/explore", () => import("./pages/Explore.vue"), { icon: "explore", need: "read_usage", filters: true }),
  page("errors", "/errors", () => import("./pages/Errors.vue"), { icon: "warn", need: "read_usage", filters: true, second: true }),
  page("bills", "/bills", () => import("./pages/Bills.vue"), { icon: "bills", need: "read_usage", filters: false, second: true }),
  page("budgets", "/budgets", () => import("./pages/Budgets.vue"), { icon: "budgets", need: "read_usage", filters: false, second: true }),
  page("alerts", "/alerts", () => import("./pages/Alerts.vue"), { icon: "alerts", need: "read_alerts", filters: false, second: true }),
  page("users", "/users", () => import("./pages/Users.vue"), { icon: "users", need: "manage_users", filters: false, second: true }),
  page("tokens", "/tokens", () => import("./pages/Tokens.vue"), { icon: "tokens", need: "signed_in", filters: false, second: true }),
  page("audit", "/audit", () => import("./pages/Audit.vue"), { icon: "audit", need: "read_audit", filters: "range", second: true }),
  page("prices", "/prices", () => import("./pages/Prices.vue"), { icon: "prices", need: "read_quality", filters: false, second: true }),
  page("quality", "/quality", () => import("./pages/Quality.vue"), { icon: "quality", need: "read_quality", filters: true, second: true }),
  page("settings", "/settings", () => import("./pages/Settings.vue"), { icon: "settings", need: "read_settings", filters: false, second: true }),
];

export const router = createRouter({
  history: createWebHistory("/console/"),
  routes: [...routes, page("session", "/sessions/:id", () => import("./pages/Session.vue"), { icon: "logs", need: "read_usage", filters: true }), { path: "/login", name: "login", component: Login, meta: { icon: "user", need: "", filters: false } }, { path: "/:rest(.*)*", redirect: { name: "dashboard" } }],
});

router.beforeEach((to) => {
  const tz = oneOf(to.query["tz"]);
  if (tz && isZone(tz)) usePrefs().zone = tz;
});
