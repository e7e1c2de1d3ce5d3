package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"socketiojwt/bench/load"
)

// report is what -o writes.
type report struct {
	Time     time.Time  `json:"time"`
	Versions string     `json:"versions"`
	Machine  string     `json:"machine"`
	Rounds   int        `json:"rounds"`
	Notes    []string   `json:"notes,omitempty"` // deviations from the table
	Rows     []*outcome `json:"rows"`
}

// outcome is one row, measured.
type outcome struct {
	Name   string        `json:"name"`
	What   string        `json:"what"`
	Unit   string        `json:"unit"`
	Count  int           `json:"connections"`
	Ours   series        `json:"ours"`
	Over   series        `json:"over"`
	Ratio  float64       `json:"ratio"`
	Bound  float64       `json:"bound"`
	Aim    float64       `json:"aim"`
	Missed string        `json:"missed,omitempty"` // why the bound does not hold
	Error  string        `json:"error,omitempty"`  // why there is no figure
	Raw    []load.Result `json:"ours_runs"`
	RawTo  []load.Result `json:"over_runs,omitempty"`
}

// series is the figures of one server, one for each run.
type series struct {
	Name   string    `json:"name"`
	Median float64   `json:"median"`
	Min    float64   `json:"min"`
	Max    float64   `json:"max"`
	Runs   []float64 `json:"runs"`
}

func (s *series) add(figure float64) {
	s.Runs = append(s.Runs, figure)
	sorted := slices.Sorted(slices.Values(s.Runs))
	s.Min, s.Max = sorted[0], sorted[len(sorted)-1]
	s.Median = (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// judge compares the medians with the bound. A ratio that is NaN fails it.
func (o *outcome) judge() {
	if o.Error != "" {
		return
	}
	o.Ratio = o.Ours.Median / o.Over.Median
	if math.IsNaN(o.Ratio) || math.IsInf(o.Ratio, 0) || o.Ratio < 0 {
		o.Ratio, o.Error = 0, "too few connections for a figure"
		return
	}
	if o.Ratio > o.Bound && o.Missed == "" {
		o.Missed = fmt.Sprintf("%.3f is above %.2f", o.Ratio, o.Bound)
	}
}

// table prints the rows as a person reads them.
func (r *report) table(out io.Writer) {
	fmt.Fprintf(out, "\n%s\n%s\nmedian (least..most) of %d\n\n", r.Machine, r.Versions, r.Rounds)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "row\t\tconnections\tours\tother\t\tratio\tbound\taim")
	for _, o := range r.Rows {
		if o.Error != "" {
			fmt.Fprintf(w, "%s\t%s\t%d\tno figure\n", o.Name, o.What, o.Count)
			continue
		}
		bound, aim := "holds", "missed"
		if o.Missed != "" {
			bound = "MISSED"
		}
		if o.Ratio <= o.Aim {
			aim = "reached"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%.3f\t%.2f %s\t%.2f %s\n", o.Name, o.What, o.Count,
			o.Ours.text(o.Unit), o.Over.text(o.Unit), o.Over.Name, o.Ratio, o.Bound, bound, o.Aim, aim)
	}
	_ = w.Flush()
	for _, o := range r.Rows {
		if o.Error != "" {
			fmt.Fprintf(out, "\n%s: no figure: %s\n", o.Name, o.Error)
		} else if o.Missed != "" {
			fmt.Fprintf(out, "\n%s: bound missed: %s\n", o.Name, o.Missed)
		}
	}
	for _, note := range r.Notes {
		fmt.Fprintf(out, "\nNote: %s.\n", note)
	}
}

func (s *series) text(unit string) string {
	return fmt.Sprintf("%s %s (%s..%s)", number(s.Median), unit, number(s.Min), number(s.Max))
}

// number writes f with as many digits as it is worth.
func number(f float64) string {
	switch {
	case math.Abs(f) < 100:
		return strconv.FormatFloat(f, 'f', 1, 64)
	case math.Abs(f) < 1000:
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	s := strconv.FormatFloat(f, 'f', 0, 64)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// save writes the report, with each run's figures, as JSON.
func (r *report) save(name string) error {
	b, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(b, '\n'), 0o644)
}

// machine names the processor and the kernel.
func machine() string {
	model := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(b), "model name"); ok {
			line, _, _ := strings.Cut(rest, "\n")
			model = strings.TrimSpace(strings.TrimLeft(line, "\t :"))
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return model + ", Linux " + strings.TrimSpace(string(kernel))
}

// busy says that something else is running, which makes figures worthless; empty when nothing is.
func busy() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	minute, _, _ := strings.Cut(string(b), " ")
	if n, err := strconv.ParseFloat(minute, 64); err != nil || n < 0.5 {
		return ""
	}
	return "the machine was busy at the start (load " + minute + "): figures differ more than they should"
}

func peerVersion(name string) (string, error) {
	b, err := os.ReadFile(filepath.Join("peers/node_modules", name, "package.json"))
	if err != nil {
		return "", err
	}
	var p struct{ Version string }
	err = json.Unmarshal(b, &p)
	return p.Version, err
}
