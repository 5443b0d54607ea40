// The range of time in words: what the button for it says, and of which time totals are.
import { computed, type ComputedRef } from "vue";
import { useI18n } from "vue-i18n";
import { usePrefs } from "@/stores/prefs";
import { dateOnly, shortDateTime } from "./format";
import { useFilters } from "./useFilters";
import { clockAt } from "./zone";

export function useRangeText(): ComputedRef<string> {
  const { t } = useI18n();
  const prefs = usePrefs();
  const { filters, zone } = useFilters();
  return computed(() => {
    const r = filters.value.range;
    if (r.preset) return t("range." + r.preset);
    const whole = (s: string) => s !== "" && clockAt(zone.value, Date.parse(s)).hour === 0 && clockAt(zone.value, Date.parse(s)).minute === 0;
    const l = prefs.locale;
    if (whole(r.from) && whole(r.to)) {
      const last = dateOnly(l, zone.value, Date.parse(r.to) - 1);
      const first = dateOnly(l, zone.value, r.from);
      return first === last ? first : `${first} – ${last}`;
    }
    return `${shortDateTime(l, zone.value, r.from)} – ${r.to ? shortDateTime(l, zone.value, r.to) : t("range.now")}`;
  });
}
