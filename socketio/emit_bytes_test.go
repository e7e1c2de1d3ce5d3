package socketio_test

import (
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
	"socketiojwt/socketio/sockettest"
)

// talkative is a value whose encoding sends another event.
type talkative struct{ send func() }

func (v talkative) MarshalJSON() ([]byte, error) {
	v.send()
	return []byte(`"talkative"`), nil
}

// TestBytesOfConcurrentEvents checks that each event arrives once, in the order of its sender and with its own arguments, on both nodes of
// a cluster, while functions of OnEmit and values that are encoded send other events, panic, or end their goroutines. All of them share the
// pool of buffers.
func TestBytesOfConcurrentEvents(t *testing.T) {
	const senders, each = 6, 60
	for name, recovery := range map[string]*socketio.Recovery{"": nil, "recovery": {}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := bustest.New()
				var nodes []*fixture
				var peers []*sockettest.Peer
				for node := range 2 {
					opts := socketio.Options{Recovery: recovery, Logger: slog.New(slog.DiscardHandler)}
					hub.Join(&opts)
					f, stop := start(t, opts, func(srv *socketio.Server) {
						srv.Open()
						srv.OnEmit(func(e socketio.Emitted) {
							if node > 0 || e.Packet.Event != "e" || len(e.Packet.Args) != 3 { // of another node
								return
							}
							switch i := e.Packet.Args[1].(int); {
							case i%5 == 1:
								_ = srv.Local().Emit("noise", strings.Repeat("n", 3*i))
							case i%5 == 2:
								panic("of OnEmit")
							case i%5 == 3:
								runtime.Goexit()
							}
						})
					})
					defer stop()
					nodes = append(nodes, f)
					for range 2 {
						peers = append(peers, f.dial(sockettest.Options{}))
					}
				}
				synctest.Wait()
				srv := nodes[0].srv
				text := func(sender, i int) string { return strings.Repeat(fmt.Sprint(sender, ":", i, ";"), 1+(sender*i)%90) }
				var send sync.WaitGroup
				for sender := range senders {
					send.Go(func() {
						for i := range each {
							done := make(chan struct{})
							go func() { // it may not return
								defer close(done)
								defer func() { _ = recover() }()
								noise := talkative{func() { _ = srv.Emit("noise", sender) }}
								if sender%2 == 0 {
									_ = srv.Except("empty", "also empty").Emit("e", sender, i, text(sender, i))
								} else {
									_ = srv.Emit("f", sender, i, text(sender, i), noise)
								}
							}()
							<-done
						}
					})
				}
				send.Wait()
				synctest.Wait()
				for p, peer := range peers {
					next := make([]int, senders)
					for range peer.Events() {
						e, err := peer.Next(nodes[0].ctx)
						if err != nil {
							t.Fatal(err)
						}
						if e.Name == "noise" {
							continue
						}
						var sender, i int
						var got string
						if err := e.Scan(&sender, &i, &got); err != nil {
							t.Fatalf("peer %d: %.80v: %v", p, e, err)
						}
						want := next[sender]
						for p >= 2 && sender%2 == 0 && (want%5 == 2 || want%5 == 3) { // OnEmit has kept it from the other node
							want++
						}
						if i != want || got != text(sender, i) {
							t.Fatalf("peer %d: event %d of sender %d, want %d: %.80s", p, i, sender, want, got)
						}
						next[sender] = i + 1
					}
					for sender, n := range next {
						if n < each-2 || p < 2 && n < each {
							t.Errorf("peer %d: %d events of sender %d, want %d", p, n, sender, each)
						}
					}
				}
			})
		})
	}
}
