import { defineStore } from "pinia";
import { computed, ref, watch } from "vue";
import { loadLocale } from "@/i18n";
import type { Locale } from "@/lib/format";
import { browserZone, isZone } from "@/lib/zone";

export type Theme = "auto" | "light" | "dark";

function read(name: string): string {
  try {
    return localStorage.getItem("tokenboard." + name) ?? "";
  } catch {
    return ""; // storage may be forbidden
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem("tokenboard." + name, value);
  } catch {
    // then it holds for this page only
  }
}

export function detectLocale(languages: readonly string[]): Locale {
  for (const l of languages) {
    if (/^zh\b/i.test(l)) return "zh";
    if (/^en\b/i.test(l)) return "en";
  }
  return "en";
}

/** What a reader chose for this browser. */
export const usePrefs = defineStore("prefs", () => {
  const stored = read("locale");
  const locale = ref<Locale>(stored === "zh" || stored === "en" ? stored : detectLocale(navigator.languages));
  const t = read("theme");
  const theme = ref<Theme>(t === "light" || t === "dark" ? t : "auto");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const systemDark = ref(system.matches);
  system.addEventListener("change", (e) => (systemDark.value = e.matches));
  const dark = computed(() => (theme.value === "auto" ? systemDark.value : theme.value === "dark"));
  const z = read("zone");
  /** "" is the server's own zone */
  const zone = ref(z === "" || isZone(z) ? z : "");
  const serverZone = ref("");
  const activeZone = computed(() => zone.value || serverZone.value || browserZone());

  /** where keys are used, for the snippets */
  const proxyUrl = ref(read("proxy") || "https://your-proxy.example/v1");

  watch(proxyUrl, (v) => write("proxy", v));
  watch(dark, (d) => (document.documentElement.dataset["theme"] = d ? "dark" : "light"), { immediate: true });
  watch(theme, (v) => write("theme", v === "auto" ? "" : v));
  watch(zone, (v) => write("zone", v));

  async function setLocale(l: Locale, keep = true): Promise<void> {
    await loadLocale(l);
    locale.value = l;
    document.documentElement.lang = l === "zh" ? "zh-CN" : "en";
    if (keep) write("locale", l);
  }
  return { locale, theme, dark, zone, serverZone, activeZone, proxyUrl, setLocale };
});

/** Which columns of a table a reader hides, remembered in this browser. */
export function hiddenColumns(table: string, usual: readonly string[]): string[] {
  const s = read("columns." + table);
  return s === "" ? [...usual] : s === "-" ? [] : s.split(",");
}

export const hideColumns = (table: string, hidden: readonly string[]): void => write("columns." + table, hidden.join(",") || "-");
