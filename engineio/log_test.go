package engineio

import (
	"bytes"
	"log"
	"log/slog"
	"sync"
	"testing"
)

// testLog sends the errors of net/http to the test's log.
func testLog(t *testing.T) *log.Logger { return log.New(t.Output(), "net/http: ", 0) }

// logBuffer records what a Server logs.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }
