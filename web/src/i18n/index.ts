import { createI18n } from "vue-i18n";
import type { Locale } from "@/lib/format";

export const i18n = createI18n({ legacy: false, locale: "en", fallbackLocale: "en", missing: (l, key) => console.error(`no words for ${key} in ${l}`), missingWarn: false, fallbackWarn: false, messages: {} });

const files: Record<Locale, () => Promise<{ default: object }>[]> = {
  en: () => [import("./en.json")],
  // refusals are the server's sentences: it has the English ones
  zh: () => [import("./zh.json"), import("./refusals.zh.json")],
};
const loaded = new Set<Locale>();

/** Fetches a language's words and switches to it. */
export async function loadLocale(l: Locale): Promise<void> {
  if (!loaded.has(l)) {
    const parts = await Promise.all(files[l]());
    i18n.global.setLocaleMessage(l, Object.assign({}, ...parts.map((p) => p.default)) as never);
    loaded.add(l);
  }
  i18n.global.locale.value = l as never;
}
