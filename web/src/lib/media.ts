import { readonly, ref, type Ref } from "vue";

const query = matchMedia("(max-width: 720px)");
const is = ref(query.matches);
query.addEventListener("change", (e) => (is.value = e.matches));

/** Whether the page is as narrow as a phone. */
export const narrow: Readonly<Ref<boolean>> = readonly(is);
