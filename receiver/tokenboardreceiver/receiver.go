package tokenboardreceiver

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/extension/tokenconsoleextension"
)

// format names what is read, in the receiver's own metrics.
const format = "tokenboard"

// metricsReceiver collects from Start to Shutdown.
type metricsReceiver struct {
	set    receiver.Settings
	config *Config
	next   consumer.Metrics
	obs    *receiverhelper.ObsReport

	from    tokenconsoleextension.MetricsSource
	starts  *starts // used by the goroutine of run only
	cancel  context.CancelFunc
	running sync.WaitGroup
}

func newReceiver(set receiver.Settings, c *Config, next consumer.Metrics) (*metricsReceiver, error) {
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{ReceiverID: set.ID, Transport: "internal", ReceiverCreateSettings: set})
	if err != nil {
		return nil, fmt.Errorf("set up the receiver's own metrics: %w", err)
	}
	return &metricsReceiver{set: set, config: c, next: next, obs: obs}, nil
}

// Start finds the console and begins to collect.
func (r *metricsReceiver) Start(ctx context.Context, host component.Host) error {
	console, err := tokenconsoleextension.Metrics(r.config.Console, host)
	if err != nil {
		return fmt.Errorf("console: %w", err)
	}
	r.from, r.starts = console, newStarts(console.Started)
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel = cancel
	r.running.Add(1)
	go func() {
		defer r.running.Done()
		r.run(running)
	}()
	return nil
}

// Shutdown ends the collection under way.
func (r *metricsReceiver) Shutdown(context.Context) error {
	if r.cancel != nil {
		r.cancel()
		r.running.Wait()
	}
	return nil
}

// run collects at once, and then at every interval. A collection that takes longer than the interval delays the next.
func (r *metricsReceiver) run(ctx context.Context) {
	tick := time.NewTicker(r.config.Interval)
	defer tick.Stop()
	for {
		if err := r.collect(ctx); err != nil && ctx.Err() == nil {
			r.set.Logger.Error("metrics could not be collected or delivered; the next collection has their values", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// collect emits one collection. Of several processes that share a store, only the one that leads does: the others have the same
// series, which a backend would add up. What the pipeline refuses is not sent again: all sums are cumulative.
func (r *metricsReceiver) collect(ctx context.Context) error {
	if !r.from.Leading() {
		r.starts = newStarts(r.from.Started) // another process emits them meanwhile
		return nil
	}
	ctx = r.obs.StartMetricsOp(ctx)
	now := time.Now() // before the reading: what is counted meanwhile is later than the start of series that are new next time
	families, err := r.from.Gatherer.Gather()
	if err != nil {
		r.obs.EndMetricsOp(ctx, format, 0, err)
		return fmt.Errorf("read the console's metrics: %w", err)
	}
	c := &conversion{starts: r.starts, now: now, exponential: r.config.Histograms == exponential, version: r.set.BuildInfo.Version}
	out := c.convert(families)
	points := out.DataPointCount()
	err = r.next.ConsumeMetrics(ctx, out)
	r.obs.EndMetricsOp(ctx, format, points, err)
	if err != nil {
		return fmt.Errorf("hand the metrics on: %w", err)
	}
	r.starts.delivered(c.now)
	return nil
}
