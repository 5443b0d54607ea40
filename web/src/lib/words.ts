// Sentences with figures in them: these have separators, as figures that stand alone do.
import { useI18n } from "vue-i18n";
import { usePrefs } from "@/stores/prefs";
import { exact } from "./format";

/** Gives a sentence about n things, in the singular or plural form. */
export function useCounted(): (key: string, n: number, more?: Record<string, unknown>) => string {
  const { t } = useI18n();
  const prefs = usePrefs();
  return (key, n, more = {}) => t(key, { ...more, n: exact(prefs.locale, n) }, n);
}
