// Package leaktest fails the tests of a package that leave goroutines behind. It also
// silences slog.Default, where servers that were given no logger send their warnings.
//
//	func TestMain(m *testing.M) { leaktest.Main(m) }
package leaktest

import (
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"testing"
	"time"
)

// patience is how long goroutines may take to end after the last test, on a busy machine.
const patience = time.Minute

// Main runs the tests of m and exits, with an error when there are more
// goroutines afterwards than before.
func Main(m *testing.M) {
	silence()
	startSignals()
	before := runtime.NumGoroutine()
	code := m.Run()
	if code == 0 {
		if stacks, ok := settled(before, patience); !ok {
			fmt.Fprintf(os.Stderr, "leaktest: %d goroutines at the start, %s later still:\n\n%s\n", before, patience, stacks)
			code = 1
		}
	}
	os.Exit(code)
}

// silence makes slog.Default discard. Package log, which slog.SetDefault would redirect
// too, goes on as before: net/http reports panics there.
func silence() {
	output, flags := log.Writer(), log.Flags()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	log.SetOutput(output)
	log.SetFlags(flags)
}

// startSignals starts the goroutine that package os/signal has from its first
// use on and never ends: fuzzing uses it, and so may a test.
func startSignals() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	signal.Stop(c)
	for range 1000 {
		if stacks := make([]byte, 64<<10); strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "os/signal.loop") {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// settled waits until at most limit goroutines are left, and returns the
// stacks of all when they do not become fewer in time.
func settled(limit int, patience time.Duration) (stacks []byte, ok bool) {
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	for deadline := time.Now().Add(patience); ; {
		if runtime.NumGoroutine() <= limit {
			return nil, true
		}
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			return buf[:runtime.Stack(buf, true)], false
		}
		time.Sleep(10 * time.Millisecond)
	}
}
