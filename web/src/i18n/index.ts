import { createI18n } from "vue-i18n";
import type { Locale } from "@/lib/format";

export const i18n = createI18n({ legacy: false, locale: "en", fallbackLocale: "en", missing: (l, key) => console.error(`no words for ${key} in ${l}`), missingWarn: false, fallbackWarn: false, messages: {} });

const files = { en: () => import("./en.json"), zh: () => import("./zh.json") };
const loaded = new Set<Locale>();

/** Fetches a language's words and switches to it. */
export async function loadLocale(l: Locale): Promise<void> {
  if (!loaded.has(l)) {
    i18n.global.setLocaleMessage(l, (await files[l]()).default as never);
    loaded.add(l);
  }
  i18n.global.locale.value = l as never;
}
