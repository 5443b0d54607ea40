// Which columns of a table fit into a width. What does not is folded into the second line of the rows.

export interface Fitting {
  key: string;
  /** pixels that the column needs */
  need: number;
  /** how important it is: of what does not fit, the least important is folded first */
  keep: number;
  /** never folded */
  fixed: boolean;
}

/** The columns to fold, the most important first: as few as can be, of equal ones the rightmost. */
export function folded(columns: readonly Fitting[], width: number): string[] {
  let left = columns.reduce((n, c) => n + c.need, 0) - width;
  const out: string[] = [];
  const order = columns.map((c, i) => ({ c, i })).filter(({ c }) => !c.fixed).sort((a, b) => a.c.keep - b.c.keep || b.i - a.i);
  for (const { c } of order) {
    if (left <= 0) break;
    out.unshift(c.key);
    left -= c.need;
  }
  return out;
}
