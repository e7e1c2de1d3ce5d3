package socketio_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"socketiojwt/socketio"
)

var sid = regexp.MustCompile(`"sid":"[A-Za-z0-9_-]{20}"`)

// TestTranscripts plays the peer's side of each testdata/*.wire and compares the server's
// answers byte for byte. Transcripts of legacy clients (Engine.IO 3) have a name that begins
// with "legacy-".
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.wire")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			transcript, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			bubble(t, socketio.Options{Engine: withEIO3}, transcriptServer, func(f *fixture) {
				var conn sayer
				if strings.HasPrefix(filepath.Base(file), "legacy-") {
					conn = f.pollLegacy("")
				} else {
					dialled, err := f.engine()
					if err != nil {
						t.Fatal(err)
					}
					defer func() { _ = dialled.Close() }()
					conn = dialled
				}
				for n, line := range strings.Split(string(transcript), "\n") {
					switch side, packet, _ := strings.Cut(line, " "); side {
					case ">":
						if err := say(conn, packet); err != nil {
							t.Fatalf("%s:%d: %v", file, n+1, err)
						}
					case "<":
						if got := hear(f.ctx, conn); got != packet {
							t.Fatalf("%s:%d: got %s, want %s", file, n+1, got, packet)
						}
					}
				}
			})
		})
	}
}

// sayer is the part of a connection that transcripts use.
type sayer interface {
	Send(text []byte) error
	SendBinary(data []byte) error
	Receive(ctx context.Context) (data []byte, binary bool, err error)
}

func say(conn sayer, packet string) error {
	if digits, binary := strings.CutPrefix(packet, "0x"); binary {
		data, err := hex.DecodeString(digits)
		if err != nil {
			return err
		}
		return conn.SendBinary(data)
	}
	return conn.Send([]byte(packet))
}

func hear(ctx context.Context, conn sayer) string {
	data, binary, err := conn.Receive(ctx)
	switch {
	case err != nil:
		return err.Error()
	case binary:
		return "0x" + hex.EncodeToString(data)
	}
	return sid.ReplaceAllString(string(data), `"sid":"SID"`)
}

func transcriptServer(srv *socketio.Server) {
	srv.Open()
	srv.Of("/chat").Open()
	srv.Of("/members").Use(func(context.Context, *socketio.Socket) error {
		return &socketio.Ending{Message: "members only", Data: json.RawMessage(`{"code":"not_a_member"}`)}
	})
	srv.Handle("echo", func(_ context.Context, s *socketio.Socket, e *socketio.Event) error {
		return s.Emit("echo", e.Args()...)
	})
	srv.Handle("ack", func(_ context.Context, _ *socketio.Socket, e *socketio.Event) error { return e.Ack(e.Args()...) })
	srv.Handle("ask", func(ctx context.Context, s *socketio.Socket, _ *socketio.Event) error {
		answer, err := s.EmitWithAck(ctx, "question")
		if err != nil {
			return err
		}
		return s.Emit("heard", answer.Args()...)
	})
	srv.Handle("leave", func(_ context.Context, s *socketio.Socket, _ *socketio.Event) error { s.Disconnect(nil); return nil })
}
