package redisbus

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"os"
	"strings"
	"testing"

	"socketiojwt/socketio"
)

// offline is a Bus without Redis.
type offline struct{ *Bus }

func (offline) Ask(context.Context, *socketio.Message) (socketio.Asked, error) {
	return socketio.Asked{}, nil
}

func (offline) Rooms(string, []string, []string) {}

func (o offline) Close(context.Context) error {
	o.cancel()
	o.surveys.close()
	return nil
}

// FuzzHeard hands arbitrary messages to a node on each wire, on each kind of channel. The node
// must not panic, and its answers must be bounded.
func FuzzHeard(f *testing.F) {
	for _, wire := range []string{"classic", "sharded", "streams"} {
		file, err := os.ReadFile("internal/wire/testdata/" + wire + ".jsonl")
		if err != nil {
			f.Fatal(err)
		}
		for line := range bytes.Lines(file) {
			var captured struct{ Hex string }
			if json.Unmarshal(line, &captured) != nil {
				f.Fatalf("testdata: %s", line)
			}
			payload, _ := hex.DecodeString(captured.Hex)
			for channel := range byte(8) {
				f.Add(channel, payload)
			}
		}
	}
	for _, seed := range []string{
		`1h{"id":"other","v":"1","since":"2026-01-01T00:00:00Z"}`, `1b{"id":"other"}`, `1q{"id":"other"}`,
		`1m{"Kind":3,"From":"other","Namespace":"/","To":{"All":true},"Data":["e",1]}`, `1m{"Kind":7,"From":"other","Rule":"r","Request":"gother.1","To":{"All":true}}`,
		`1m{"Kind":100,"From":"other","Extension":"x","Payload":"eA=="}`, `1m{"Kind":8,"From":"other","Request":"x.1","Sockets":[{"ID":"x"}]}`,
	} {
		f.Add(byte(6), []byte(seed))
		f.Add(byte(7), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, where byte, payload []byte) {
		for _, wire := range []Wire{Classic, Sharded} {
			var log bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&log, nil))
			b := newBus(Options{Wire: wire, Prefix: "socket.io", MaxQueue: 1 << 20, MaxInbox: 1 << 20, Logger: logger})
			opts := socketio.Options{Logger: logger, ClusterKey: make([]byte, 16)}
			opts.Bus = func(deliver func(socketio.Message)) (socketio.Bus, error) {
				b.deliver = deliver
				return offline{b}, nil
			}
			srv, err := socketio.NewServer(opts)
			if err != nil {
				t.Fatal(err)
			}
			srv.Open().OnServerSide("hello", func(context.Context, *socketio.ServerSideEvent) (any, error) { return 1, nil })
			srv.HandleExtension("x", func(socketio.NodeID, []byte) {})
			if _, err := srv.Handler(); err != nil {
				t.Fatal(err)
			}
			b.table.change("/", []string{"x"}, nil)
			channels := []string{b.own.all, b.own.mine, b.format.room("/", "x")}
			for _, l := range b.format.namespace("/") {
				channels = append(channels, l.channel)
			}
			for range 2 {
				b.heard(channels[int(where)%len(channels)], string(payload))
			}
			for b.inbox.busy() {
				continue
			}
			if err := srv.Shutdown(t.Context()); err != nil { // waits for handlers
				t.Error(err)
			}
			if text := log.String(); strings.Contains(text, "panic") {
				t.Error(text)
			}
			if n := b.outbox.queues[0].waits(); n > 100 {
				t.Errorf("%d messages are sent in answer", n)
			}
		}
	})
}

// waits returns the number of messages that wait to be sent.
func (q *queue) waits() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.length()
}

// busy reports whether messages wait or are being delivered.
func (in *inbox) busy() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.lanes) > 0
}
