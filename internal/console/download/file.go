package download

import (
	"bufio"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/tokenboard/tokenboard/internal/console/api"
)

var mediaTypes = map[string]string{"json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8", "yaml": "application/yaml", "parquet": "application/vnd.apache.parquet"}

// Stall is how long a reader of an export may take for the next piece.
const Stall = 30 * time.Second

// File is an answer that a browser saves under a name. write may write as much as it likes, for as long
// as it likes: each piece has its own time limit.
func File(e *api.Env, name, format string, write func(*bufio.Writer) error) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		w.Header().Set("Content-Type", mediaTypes[format])
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
		out := bufio.NewWriterSize(&patient{w: w, control: http.NewResponseController(w)}, 64<<10)
		err := write(out)
		if err == nil {
			err = out.Flush()
		}
		if err != nil {
			e.Logger.Sugar().Warnw("an export broke off", "error", err)
			panic(http.ErrAbortHandler) // the client must not take half a file for a whole one
		}
	}}
}

// Name names a file by what is in it and by the range of time that it covers.
func Name(what, span, format string) string {
	return "tokenboard-" + what + "-" + span + "." + format
}

const (
	fileDay    = "2006-01-02"
	fileMinute = "2006-01-02T1504"
)

// RangeName says a range of time within a file's name: its first and last day where it is whole days,
// else its ends to the minute. An open end is now.
func RangeName(from, to, now time.Time, loc *time.Location) string {
	open := to.IsZero() || to.After(now)
	end := to.In(loc)
	if open {
		end = now.In(loc)
	}
	midnight := func(t time.Time) bool { h, m, s := t.Clock(); return h == 0 && m == 0 && s == 0 }
	if from.IsZero() {
		if !open && midnight(end) {
			end = end.Add(-1)
		}
		return "until-" + end.Format(fileDay)
	}
	begin := from.In(loc)
	if !midnight(begin) || (!open && !midnight(end)) {
		return begin.Format(fileMinute) + "_" + end.Format(fileMinute)
	}
	if !open {
		end = end.Add(-1)
	}
	first, last := begin.Format(fileDay), end.Format(fileDay)
	if first == last {
		return first
	}
	return first + "_" + last
}

// patient returns every piece its own time limit: an export takes as long as it takes.
type patient struct {
	w       io.Writer
	control *http.ResponseController
}

func (p *patient) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(Stall)) // not every server has deadlines
	return p.w.Write(b)
}
