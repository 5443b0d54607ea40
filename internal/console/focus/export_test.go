package focus

// Row is a row of a Parquet file.
type Row = row

// SetMaxRows bounds the rows in memory, until restore.
func SetMaxRows(n int) (restore func()) {
	before := maxRows
	maxRows = n
	return func() { maxRows = before }
}
