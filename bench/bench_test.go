package main

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"socketiojwt/bench/load"
)

func TestMedianOfRunsIsCompared(t *testing.T) {
	o := outcome{Bound: 0.5, Aim: 0.4}
	for _, f := range []float64{9, 1, 4, 100, 3} {
		o.Ours.add(f)
	}
	for _, f := range []float64{10, 10, 9, 1000, 1} {
		o.Over.add(f)
	}
	o.judge()
	if o.Ours.Median != 4 || o.Ours.Min != 1 || o.Ours.Max != 100 {
		t.Errorf("median %v (%v..%v)", o.Ours.Median, o.Ours.Min, o.Ours.Max)
	}
	if o.Ratio != 0.4 || o.Missed != "" || o.Error != "" {
		t.Errorf("ratio %v, missed %q, error %q", o.Ratio, o.Missed, o.Error)
	}
	even := series{}
	even.add(1)
	even.add(4)
	if even.Median != 2.5 {
		t.Errorf("median of 1 and 4 is %v", even.Median)
	}
}

func TestBoundIsMissedAboveIt(t *testing.T) {
	for ours, missed := range map[float64]bool{49: false, 50: false, 51: true} {
		o := outcome{Bound: 0.5}
		o.Ours.add(ours)
		o.Over.add(100)
		o.judge()
		if (o.Missed != "") != missed {
			t.Errorf("%v over 100 with a bound of 0.5: missed %q", ours, o.Missed)
		}
	}
}

// A run too short for the 10 ms of the kernel's clock gives 0 over 0, which is not a bound that holds.
func TestNoFigureFromNothing(t *testing.T) {
	o := outcome{Bound: 0.5}
	o.Ours.add(0)
	o.Over.add(0)
	o.judge()
	if o.Error == "" {
		t.Error("0 over 0 passed")
	}
}

func TestGoroutinesHaveToBeEqual(t *testing.T) {
	r := load.Result{Memory: []load.Memory{{Goroutines: 4}, {Goroutines: 5}, {Goroutines: 5}}}
	if err := sameGoroutines(r); err != nil {
		t.Error(err)
	}
	r.Memory[2].Goroutines = 6
	if sameGoroutines(r) == nil {
		t.Error("one more goroutine passed")
	}
}

func TestLooksAtTheClock(t *testing.T) {
	for looks, fails := range map[int64]bool{0: false, 25: false, 27: false, 28: true} {
		if err := looksOncePerSecond(load.Result{Seconds: 25, Looks: looks}); (err != nil) != fails {
			t.Errorf("%d looks in 25 s: %v", looks, err)
		}
	}
}

// A fresh token belongs to the subject of the token with the same place, and differs from it.
func TestFreshTokens(t *testing.T) {
	w := &workshop{dir: t.TempDir(), secret: "0123456789abcdef0123456789abcdef"}
	if err := errors.Join(w.mint("HS256", 3), w.mintFresh("HS256", 3, 2)); err != nil {
		t.Fatal(err)
	}
	var subjects [2][]string
	seen := make(map[any]bool)
	for i, name := range []string{w.tokens("HS256"), w.freshTokens("HS256")} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			claims := jwt.MapClaims{}
			if _, _, err := jwt.NewParser().ParseUnverified(strings.TrimSpace(line), claims); err != nil {
				t.Fatal(err)
			}
			subjects[i] = append(subjects[i], claims["sub"].(string))
			if seen[claims["jti"]] {
				t.Errorf("two tokens have the ID %v", claims["jti"])
			}
			seen[claims["jti"]] = true
		}
	}
	for i, s := range subjects[1] {
		if len(subjects[1]) != 6 || s != subjects[0][i/2] {
			t.Errorf("fresh token %d of %d is for %s; the others are for %v", i, len(subjects[1]), s, subjects[0])
		}
	}
}

func TestChoose(t *testing.T) {
	got, err := choose(rows(), "waves, hs256")
	if err != nil || len(got) != 2 || got[0].name != "hs256" || got[1].name != "waves" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := choose(rows(), "hs256,nosuch"); err == nil || !strings.Contains(err.Error(), `"nosuch"`) {
		t.Errorf("an unknown row: %v", err)
	}
	if _, err := choose(rows(), profiledRows); err != nil {
		t.Error(err)
	}
}

func TestShrinkTakesBothServersDown(t *testing.T) {
	all := rows()
	notes, err := shrink(all, 100)
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0], "idle 100 instead of 19500") {
		t.Errorf("%q, %v", notes, err)
	}
	for i, r := range rows() {
		want := min(r.ours.load.Count, 100)
		if got := all[i]; got.ours.load.Count != want || got.over != nil && got.over.load.Count != want {
			t.Errorf("%s: %+v over %+v", r.name, got.ours.load, got.over)
		}
	}
	if c := all[0].over.load; c.Mode != load.Connect || c.Warm != 40 {
		t.Errorf("%d connections to warm up for 100", c.Warm)
	}
	if untouched := rows(); untouched[0].over.load.Count != 5000 {
		t.Error("shrinking changed the table itself")
	}
}

// Both servers of a row must be under the same load, except for what the client speaks and where it puts the token.
func TestRowsCompareLikeWithLike(t *testing.T) {
	for _, r := range rows() {
		if r.over == nil {
			continue
		}
		a, b := r.ours.load, r.over.load
		a.Via, a.Scheme, a.Mode, a.Protocol = b.Via, b.Scheme, b.Mode, b.Protocol
		if a != b {
			t.Errorf("%s: %+v over %+v", r.name, a, b)
		}
		if r.aim > r.bound {
			t.Errorf("%s: the aim is easier than the bound", r.name)
		}
	}
}

// Rows share runs only if both servers and their loads are the same.
func TestRowsThatShareRuns(t *testing.T) {
	loads := func(n int) setup { return oursHS256.under(load.Config{Mode: load.Idle, Count: n}) }
	one := row{ours: loads(1), over: new(loads(2))}
	for name, c := range map[string]struct {
		other row
		want  bool
	}{
		"the same":              {row{name: "other", ours: loads(1), over: new(loads(2))}, true},
		"another load of ours":  {row{ours: loads(2), over: new(loads(2))}, false},
		"another other load":    {row{ours: loads(1), over: new(loads(1))}, false},
		"only ours":             {row{ours: loads(1)}, false},
		"another server's kind": {row{ours: loads(1), over: new(nodeOpen.under(load.Config{Mode: load.Idle, Count: 2}))}, false},
	} {
		if got := one.hasRunsOf(c.other); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if alone := (row{ours: loads(1)}); !alone.hasRunsOf(row{ours: loads(1)}) || alone.hasRunsOf(one) {
		t.Error("rows without another server")
	}
	for _, r := range loudRows() {
		if p50, err := choose(rows(), r.name); err != nil || !p50[0].hasRunsOf(r) {
			t.Errorf("%s: %v", r.name, err)
		}
	}
}

// The row of a run of an earlier row compares the figures of that run, and starts no server.
func TestResultsOfAnEarlierRow(t *testing.T) {
	median := loudRows()[1]
	earlier := &outcome{Raw: []load.Result{{P50: 2}, {P50: 4, P99: 50}}}
	out := median.measure(t.Context(), nil, 2, earlier, io.Discard)
	if out.Error != "" || out.Ours.Min != 2000 || out.Ours.Max != 4000 || out.Ratio != 1 || len(out.Raw) != 2 {
		t.Errorf("%+v", out)
	}
	slow := row{figures: longTime, bound: 1, over: new(nodeOpen)}
	earlier = &outcome{Raw: []load.Result{{P99: 2}}, RawTo: []load.Result{{P99: 1}}}
	if out := slow.measure(t.Context(), nil, 1, earlier, io.Discard); out.Ratio != 2 || out.Missed == "" || len(out.RawTo) != 1 {
		t.Errorf("%+v", out)
	}
}

func TestNumber(t *testing.T) {
	for f, want := range map[float64]string{9.87: "9.9", 123.4: "123", 1234: "1,234", 1234567: "1,234,567", 100000: "100,000", -1234: "-1,234"} {
		if got := number(f); got != want {
			t.Errorf("number(%v) = %s, want %s", f, got, want)
		}
	}
}

// README.md says what each row does, by its name or by that of its group, such as loud-*.
func TestDocumentListsRows(t *testing.T) {
	document, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows() {
		group, _, _ := strings.Cut(r.name, "-")
		if !strings.Contains(string(document), "`"+r.name+"`") && !strings.Contains(string(document), "`"+group+"-*`") {
			t.Errorf("README.md does not say what %s is", r.name)
		}
	}
}
