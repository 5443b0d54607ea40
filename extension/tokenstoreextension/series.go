package tokenstoreextension

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tokenboard/tokenboard/internal/rollup/series"
)

// Series says which series the metrics of calls have. Their sums are kept for ever, so that what a
// monitoring system scrapes goes on after a restart and after old calls were dropped.
type Series struct {
	// Labels are some of provider, model, service, key, status and account. With others than before, the series
	// are recomputed, once, from the stored calls.
	Labels []string `mapstructure:"labels"`
	// Max is the largest number of series; what comes beyond them is counted as "other".
	Max int `mapstructure:"max"`
	// prevent unkeyed literal initialization
	_ struct{}
}

const maxSeries = 2_000

// seriesLabels are the names of labels, in the order of series.Label.
var seriesLabels = []string{"provider", "model", "service", "key", "status", "account"}

// defaultSeries has no label account: calls of most installations name none.
func defaultSeries() Series {
	return Series{Labels: slices.Clone(seriesLabels[:series.LabelAccount]), Max: maxSeries}
}

// options checks the setting.
func (s *Series) options() (o series.Options, err error) {
	if s.Max <= 0 {
		err = errors.New("series: max must be positive")
	}
	o = series.Options{Labels: []series.Label{}, Max: s.Max}
	for _, name := range s.Labels {
		i := slices.Index(seriesLabels, name)
		if i < 0 {
			err = errors.Join(err, fmt.Errorf("series: %q is no label; there are %s", name, strings.Join(seriesLabels, ", ")))
			continue
		}
		if slices.Contains(o.Labels, series.Label(i)) {
			err = errors.Join(err, fmt.Errorf("series: the label %q is there twice", name))
		}
		o.Labels = append(o.Labels, series.Label(i))
	}
	return o, err
}
