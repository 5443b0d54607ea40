import { defineStore } from "pinia";
import { ref } from "vue";

/** How new the figures of the page are, and the wish to have newer ones. */
export const useFreshness = defineStore("freshness", () => {
  const asOf = ref("");
  const asked = ref(0);
  function seen(at: string | null | undefined): void {
    if (at && at > asOf.value) asOf.value = at;
  }
  function again(): void {
    asked.value++;
  }
  return { asOf, asked, seen, again };
});
