import { computed, ref, type ComputedRef, type Ref } from "vue";
import { hiddenColumns, hideColumns } from "@/stores/prefs";
import { extentOf, type Extent } from "./format";
import { csv, download, fileName, type Cell } from "./csv";

/** A column of a table. `value` is what it sorts by and what goes into CSV. */
export interface Column<T> {
  key: string;
  title: string;
  value: (row: T) => Cell;
  /** figures stand right */
  num?: boolean;
  /** pixels that it has at least; without it a column of texts shares what is left */
  width?: number;
  /** how important it is, 50 where nothing is said: what does not fit moves to the second line of the rows, the least important first */
  keep?: number;
  /** false: cannot be sorted by */
  sort?: boolean;
  /** not shown until a reader asks for it */
  hidden?: boolean;
  /** cannot be hidden */
  fixed?: boolean;
  /** text in CSV only */
  csvOnly?: boolean;
}

export interface Sort { key: string; down: boolean }

export interface TableState<T> {
  id: string;
  columns: ComputedRef<Column<T>[]>;
  shown: ComputedRef<Column<T>[]>;
  hidden: Ref<string[]>;
  toggle: (key: string) => void;
  sort: Ref<Sort | null>;
  sortBy: (c: Column<T>) => void;
  sorted: ComputedRef<readonly T[]>;
  /** how large the figures of each column are */
  extents: ComputedRef<Readonly<Record<string, Extent>>>;
  exportCsv: () => void;
}

/** What differs from a table whose rows are all there. */
export interface TableMore {
  /** the API sorts: what rows() gives is in order, and this is the order */
  sort?: Ref<Sort | null>;
  /** the range of time that the rows are of, as a file's name says it; without it they are of now */
  range?: () => string;
}

function compare(a: Cell, b: Cell): number {
  const noA = a === null || a === undefined || a === "";
  const noB = b === null || b === undefined || b === "";
  if (noA || noB) return noA && noB ? 0 : noA ? -1 : 1;
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

/** The order, the columns and the export of one table. */
export function useTable<T>(id: string, columns: () => Column<T>[], rows: () => readonly T[], initial: Sort | null = null, more: TableMore = {}): TableState<T> {
  const all = computed(columns);
  const hidden = ref(hiddenColumns(id, columns().filter((c) => c.hidden).map((c) => c.key)));
  const shown = computed(() => all.value.filter((c) => !c.csvOnly && (c.fixed || !hidden.value.includes(c.key))));
  const sort = more.sort ?? ref<Sort | null>(initial);
  const sorted = computed(() => {
    const s = sort.value;
    const c = all.value.find((x) => x.key === s?.key);
    if (!s || !c || more.sort) return rows();
    return [...rows()].sort((a, b) => (s.down ? -1 : 1) * compare(c.value(a), c.value(b)));
  });
  const extents = computed(() => Object.fromEntries(all.value.filter((c) => c.num).map((c) => [c.key, extentOf(rows().map((r) => {
    const v = c.value(r);
    return typeof v === "number" ? v : null;
  }))])));
  function toggle(key: string): void {
    hidden.value = hidden.value.includes(key) ? hidden.value.filter((k) => k !== key) : [...hidden.value, key];
    hideColumns(id, hidden.value);
  }
  function sortBy(c: Column<T>): void {
    sort.value = { key: c.key, down: sort.value?.key === c.key ? !sort.value.down : !!c.num };
  }
  function exportCsv(): void {
    const out = all.value.filter((c) => c.csvOnly || shown.value.includes(c));
    const line = (r: T) => out.map((c) => c.value(r));
    const range = more.range?.() ?? new Date().toISOString().slice(0, 10);
    download(fileName(id, "csv", range), "text/csv", csv([out.map((c) => c.title), ...sorted.value.map(line)]));
  }
  return { id, columns: all, shown, hidden, toggle, sort, sortBy, sorted, extents, exportCsv };
}
