package focus

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/download"
	"github.com/tokenboard/tokenboard/internal/console/filter"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Path is the route's path below the API's.
const Path = "/export/focus"

// Handlers answer the route.
type Handlers struct {
	*filter.Reader
	Ledger *ledger.Ledger
}

// Routes adds the route.
func (h *Handlers) Routes(r *api.Router) {
	api.Register(r, access.ReadUsage, api.Operation(http.MethodGet, Path, "export-focus",
		"Costs by day (UTC) in the FinOps Open Cost and Usage Specification 1.2, streamed"), h.export)
}

type input struct {
	Format string `query:"format" default:"csv" enum:"csv,parquet" doc:"csv has no byte order mark"`
	filter.Filters
}

func (h *Handlers) export(ctx context.Context, in *input) (*huma.StreamResponse, error) {
	f, index, err := h.Filtered(ctx, "export-focus", &in.Filters)
	if err != nil {
		return nil, err
	}
	name := download.Name("focus", download.RangeName(f.From, f.To, h.Now(), time.UTC), in.Format)
	return download.File(h.Env, name, in.Format, func(out *bufio.Writer) error {
		s := &rows{index: index, limit: maxRows, sums: map[group]*usage.Counts{}}
		visit := func() error {
			if err := h.Ledger.Scan(ctx, f, s.add); err != nil {
				return fmt.Errorf("read the calls: %w", err)
			}
			return s.flush()
		}
		if in.Format == "parquet" {
			return writeParquet(out, h.Version, s, visit)
		}
		return writeCSV(out, s, visit)
	}), nil
}

func writeCSV(out *bufio.Writer, s *rows, visit func() error) error {
	w := download.NewPlainCSV(out)
	if err := w.Write(header()); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	s.write = func(r *row) error { return w.Write(r.cells()) }
	if err := visit(); err != nil {
		return err
	}
	return w.Flush()
}

const (
	rowGroup = 8_192    // rows that the writer of Parquet keeps
	pageSize = 64 << 10 // bytes of a column that are compressed together
)

func writeParquet(out *bufio.Writer, version string, s *rows, visit func() error) error {
	w := parquet.NewGenericWriter[row](out, parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}),
		parquet.CreatedBy("tokenboard", version, ""), parquet.PageBufferSize(pageSize), parquet.MaxRowsPerRowGroup(rowGroup))
	s.write = func(r *row) error {
		_, err := w.Write([]row{*r})
		return err //nolint:wrapcheck // names what it is
	}
	if err := visit(); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("end the file: %w", err)
	}
	return nil
}
