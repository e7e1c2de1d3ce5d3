package webtransport

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"socketiojwt/engineio"
	"socketiojwt/internal/limittest"
)

// syncBuffer is a bytes.Buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestPeersWriteNoLines checks that peers write no lines to the log of the process, that
// refusals are sampled, and that a connection ends that cannot be served.
func TestPeersWriteNoLines(t *testing.T) {
	var global, own syncBuffer
	log.SetOutput(&global)
	defer log.SetOutput(os.Stderr)
	f := newFixture(t, engineio.Options{}, func(s *Server) {
		s.conns.maxIdle, s.conns.timeout, s.log = 3, time.Hour, slog.New(slog.NewTextHandler(&own, nil))
	})
	for range 3 {
		conn, err := f.connect("127.0.0.1", quic.Config{MaxIncomingUniStreams: -1})
		if err == nil {
			<-conn.Context().Done()
			err = context.Cause(conn.Context())
		}
		if !strings.HasSuffix(err.Error(), "(remote)") && !strings.Contains(err.Error(), "(remote):") {
			t.Error(err)
		}
	}
	if own.String() != "" {
		t.Errorf("lines above level Debug: %s", own.String())
	}
	for range 9 {
		_, _ = f.connect("127.0.0.1", quic.Config{})
	}
	if lines := own.String(); strings.Count(lines, "\n") != 1 || !strings.Contains(lines, "connection refused: "+errTooManyNew.Error()) {
		t.Errorf("refusals: %s", lines)
	}
	if global.String() != "" {
		t.Errorf("lines of the process: %s", global.String())
	}
}

// TestPanicOfTheHandler checks that the value of a panic is not logged.
func TestPanicOfTheHandler(t *testing.T) {
	limittest.Run(t, 300*time.Millisecond, func(d time.Duration) error {
		var global, own syncBuffer
		log.SetOutput(&global)
		defer log.SetOutput(os.Stderr)
		f := newFixture(t, engineio.Options{}, func(s *Server) {
			s.conns.timeout, s.log = d, slog.New(slog.NewTextHandler(&own, nil))
			s.engine = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret") })
		})
		p, err := f.tryDial(packet(false, "0"), nil)
		if err != nil {
			return err
		}
		<-p.session.Context().Done() // the connection has no session
		if strings.Contains(own.String()+global.String(), "secret") {
			t.Errorf("%s%s", own.String(), global.String())
		}
		if !strings.Contains(own.String(), "panic in the handler") {
			return fmt.Errorf("no panic was logged: %s%s", own.String(), global.String())
		}
		return nil
	})
}
