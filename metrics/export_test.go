package metrics

import (
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// A Row describes a metric.
type Row struct {
	Name, Type, Help string
	Labels           []string
}

// Table returns all metrics, sorted by name.
func Table() (rows []Row) {
	for _, f := range figures {
		kind := "gauge"
		if f.kind == prometheus.CounterValue {
			kind = "counter"
		}
		rows = append(rows, Row{f.name, kind, f.help, f.labels})
	}
	for _, t := range timings {
		if t.name != "" {
			rows = append(rows, Row{namespace + "_" + t.name, "histogram", t.help, t.labels})
		}
	}
	slices.SortFunc(rows, func(a, b Row) int { return strings.Compare(a.Name, b.Name) })
	return rows
}
