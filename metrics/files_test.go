package metrics_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"socketiojwt/engineio"
	"socketiojwt/metrics"
	"socketiojwt/observe"
)

const (
	dashboard = "../deploy/grafana/socketio-jwt.json"
	alerts    = "../deploy/prometheus/alerts.yml"
	document  = "../docs/metrics.md"
)

// expressions returns the PromQL of the dashboard and of the alerts.
func expressions(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(dashboard))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
		Templating struct {
			List []struct {
				Type       string
				Definition string
			}
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	for _, v := range board.Templating.List {
		if v.Type == "query" {
			all = append(all, v.Definition)
		}
	}
	text, err = os.ReadFile(filepath.FromSlash(alerts))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		expr, ok := strings.CutPrefix(strings.TrimSpace(line), "expr: ")
		if !ok {
			continue
		}
		for i++; expr == "|" || strings.HasPrefix(lines[i], "          "); i++ {
			expr = strings.TrimPrefix(expr, "|") + strings.TrimSpace(lines[i]) + " "
		}
		all = append(all, expr)
	}
	return all
}

var (
	metricIn = regexp.MustCompile(`\b((?:socketiojwt|go|process)_[a-z_]+)(?:\{([^}]*)\})?`)
	groupsIn = regexp.MustCompile(`by \(([^)]*)\)`)
	matchers = regexp.MustCompile(`(\w+)(=~|=|!=)"([^"]*)"`)
)

// ofScrape are the labels that Prometheus adds.
var ofScrape = []string{"job", "instance"}

// values are the values of labels that the files name.
var values = map[string][]string{
	"reason": {string(engineio.SlowPeer), string(engineio.RateExceeded)},
	"cause":  {"unknown_session", "address", "address_full", "address_rate"},
	"fault":  {"program", "peer"},
	"result": {observe.OK, observe.Refused},
}

// Every metric, label and value in the dashboard and the alerts exists.
func TestDashboardAndAlertsNameWhatExists(t *testing.T) {
	exported := make(map[string][]string)
	for _, row := range metrics.Table() {
		exported[row.Name] = row.Labels
		if row.Type == "histogram" {
			exported[row.Name+"_bucket"] = append([]string{"le"}, row.Labels...)
			exported[row.Name+"_count"], exported[row.Name+"_sum"] = row.Labels, row.Labels
		}
	}
	text := scrape(t, metrics.New()) // has the metrics of the runtime and of the process
	used := make(map[string]bool)
	exprs := expressions(t)
	for _, expr := range exprs {
		known := slices.Clone(ofScrape)
		for _, m := range metricIn.FindAllStringSubmatch(expr, -1) {
			labels, ok := exported[m[1]]
			if used[m[1]] = true; !ok && !strings.Contains(text, "\n"+m[1]+" ") {
				t.Errorf("no metric %s: %s", m[1], expr)
			}
			known = append(known, labels...)
			for _, matcher := range matchers.FindAllStringSubmatch(m[2], -1) {
				name, value := matcher[1], matcher[3]
				alternatives := []string{value}
				if matcher[2] == "=~" {
					alternatives = strings.Split(value, "|")
				}
				switch {
				case slices.Contains(ofScrape, name):
				case !slices.Contains(labels, name):
					t.Errorf("metric %s has no label %s: %s", m[1], name, expr)
				case slices.ContainsFunc(alternatives, func(one string) bool { return !slices.Contains(values[name], one) }):
					t.Errorf("label %s has no value %q: %s", name, value, expr)
				}
			}
		}
		for _, by := range groupsIn.FindAllStringSubmatch(expr, -1) {
			for name := range strings.SplitSeq(by[1], ", ") {
				if !slices.Contains(known, name) {
					t.Errorf("no label %s: %s", name, expr)
				}
			}
		}
	}
	if len(exprs) < 60 {
		t.Errorf("only %d expressions found", len(exprs))
	}
	for _, row := range metrics.Table() { // those of introspection are not in the dashboard of serve, which has none
		if shown := used[row.Name] || used[row.Name+"_bucket"] || used[row.Name+"_count"]; !shown && !strings.Contains(row.Name, "introspection") && !slices.Contains(hidden, row.Name) {
			t.Errorf("neither the dashboard nor an alert shows %s", row.Name)
		}
	}
}

// hidden are metrics that only queries of operators need.
var hidden = []string{"socketiojwt_http_requests", "socketiojwt_keys", "socketiojwt_tokens_verified_total", "socketiojwt_events_challenged_total", "socketiojwt_sessions_upgraded_total"}

func TestPromtoolAcceptsTheAlerts(t *testing.T) {
	if out, err := exec.Command("promtool", "check", "rules", filepath.FromSlash(alerts)).CombinedOutput(); err != nil {
		t.Errorf("promtool (Debian: prometheus): %v\n%s", err, out)
	}
}

// The table in docs/metrics.md is that of the code. UPDATE=1 writes it.
func TestDocumentListsAllMetrics(t *testing.T) {
	const begin, end = "<!-- the table is generated: UPDATE=1 go test ./metrics -->\n", "<!-- end of the table -->\n"
	text, err := os.ReadFile(filepath.FromSlash(document))
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	shown, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf("%s has no place for the table", document)
	}
	var want strings.Builder
	want.WriteString("\n| metric | type | labels | what |\n|---|---|---|---|\n")
	for _, row := range metrics.Table() {
		fmt.Fprintf(&want, "| `%s` | %s | %s | %s |\n", row.Name, row.Type, strings.Join(row.Labels, ", "), row.Help)
	}
	want.WriteString("\n")
	if shown == want.String() {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatalf("%s does not have the table of the code; run UPDATE=1 go test ./metrics", document)
	}
	if err := os.WriteFile(filepath.FromSlash(document), []byte(before+begin+want.String()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
