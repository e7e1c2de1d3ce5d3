package logging

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// setDefault makes slog.Default write to a buffer until the test ends.
func setDefault(t *testing.T) *bytes.Buffer {
	t.Helper()
	was := slog.Default()
	t.Cleanup(func() { slog.SetDefault(was) })
	var out bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	return &out
}

func TestOrDefaultPassesWarnings(t *testing.T) {
	log := OrDefault(nil).With("a", 1).WithGroup("g").With("b", 2)
	out := setDefault(t) // after the logger was made
	log.Debug("debug line")
	log.Info("info line")
	log.Warn("warn line", "c", 3)
	log.Error("error line")
	got := out.String()
	for _, want := range []string{`level=WARN msg="warn line" a=1 g.b=2 g.c=3`, `level=ERROR msg="error line" a=1 g.b=2`} {
		if !strings.Contains(got, want) {
			t.Errorf("no line with %s in\n%s", want, got)
		}
	}
	if strings.Count(got, "\n") != 2 {
		t.Errorf("lines below a warning were passed:\n%s", got)
	}
}

func TestOrDefaultKeepsALogger(t *testing.T) {
	out := setDefault(t)
	l := slog.New(slog.DiscardHandler)
	if OrDefault(l) != l {
		t.Error("another logger came back")
	}
	OrDefault(l).Error("x")
	if out.Len() > 0 {
		t.Errorf("slog.DiscardHandler does not silence: %s", out)
	}
}

func TestSampler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := Sampler{PerMinute: 10, Repeat: time.Hour}
		pass := func(key string, want bool, count int) {
			t.Helper()
			if n, ok := s.Pass(key); ok != want || n != count {
				t.Errorf("Pass(%q) = %d, %v, want %d, %v", key, n, ok, count, want)
			}
		}
		for range 1000 { // a flood of one key
			s.Pass("flood")
		}
		pass("second", true, 999)
		for i := range 1000 { // a flood of many keys fills the minute
			s.Pass(fmt.Sprint("flood", i))
		}
		pass("third", false, 0)
		time.Sleep(time.Minute)
		for i := range 8 { // those that were passed do not take the place of a new one
			pass(fmt.Sprint("flood", i), false, 0)
		}
		pass("third", true, 1000-8+1+8)
		s.Skip()
		pass("third", false, 0)
		time.Sleep(time.Hour)
		pass("third", true, 2)
	})
}

// Suppressed lines are logged at level Debug.
func TestSamplerLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		s := Sampler{PerMinute: 10, Repeat: time.Minute}
		for range 5 {
			s.Log(t.Context(), log, slog.LevelWarn, "key", "failed", "n", 1)
		}
		s.Log(t.Context(), log, slog.LevelWarn, "key", "another", "n", 2)
		for text, want := range map[string]int{"level=WARN msg=failed n=1": 1, "level=DEBUG msg=failed n=1\n": 4, "level=WARN msg=another n=2 suppressed=4": 1} {
			if n := strings.Count(out.String(), text); n != want {
				t.Errorf("%q is in the log %d times, want %d:\n%s", text, n, want, &out)
			}
		}
	})
}

func TestSamplerIsBounded(t *testing.T) {
	s := Sampler{PerMinute: 1 << 30}
	for i := range 10 * maxPassed {
		s.Pass(fmt.Sprint(i))
	}
	if n := len(s.passed); n > maxPassed {
		t.Errorf("%d keys are kept, want at most %d", n, maxPassed)
	}
}
