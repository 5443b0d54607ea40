package main

import (
	"context"
	"net/http"
	"time"

	"github.com/tokenboard/tokenboard/internal/loadgen"
)

// beginning is how long a start took, in ms since the program was executed.
type beginning struct {
	answers float64 // until the first answer of /stats
	accepts float64 // until the first calls were acknowledged

	answersCPU, acceptsCPU float64 // its processor time until then, in ms
}

// measureStart starts Tokenboard on a folder. The one request that it sends is added to truth.
func measureStart(ctx context.Context, binary, dir string, set uint64) (b beginning, truth loadgen.Truth, err error) {
	g := loadgen.New(loadgen.Set{Seed: set, Calls: writeBatch})
	r, err := liveRequest(g)
	if err != nil {
		return b, truth, err
	}
	begun := time.Now()
	s, err := launchOurs(ctx, binary, dir)
	if err != nil {
		return b, truth, err
	}
	defer s.end()
	if err := s.waitFor(ctx, s.console, apiBase+"/stats"); err != nil {
		return b, truth, err
	}
	b.answers = milliseconds(time.Since(begun))
	cpu, err := s.cpu()
	if err != nil {
		return b, truth, err
	}
	b.answersCPU = milliseconds(cpu)
	if err := s.waitFor(ctx, s.otlp, ""); err != nil {
		return b, truth, err
	}
	to := newSender(s.otlp, 1)
	defer to.close()
	defer http.DefaultClient.CloseIdleConnections()
	if err := to.send(ctx, r.Body); err != nil {
		return b, truth, err
	}
	b.accepts = milliseconds(time.Since(begun))
	if cpu, err = s.cpu(); err != nil {
		return b, truth, err
	}
	b.acceptsCPU = milliseconds(cpu)
	return b, g.Distinct, s.stop()
}
