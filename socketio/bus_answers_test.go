package socketio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// A node that is asked replies at once with the number of its sockets, and then sends each
// answer as it arrives. When the asking node's time is over, no acknowledgement is pending any
// more.
func TestAnswersForAnotherNode(t *testing.T) {
	onBus(t, 0, socketio.Options{MaxPendingAcks: 1}, rooms, func(f *fixture, bus *stubBus) {
		peers := map[string]*sockettest.Peer{}
		for _, name := range []string{"quick", "slow", "leaves", "silent"} {
			peers[name] = f.dial(sockettest.Options{Auth: map[string]any{"rooms": []string{"x"}}})
		}
		f.dial(sockettest.Options{})
		synctest.Wait()
		begin := time.Now()
		bus.deliver(socketio.Message{
			Kind: socketio.KindBroadcast, From: "other", Namespace: "/", Request: "r", Timeout: 10 * time.Second,
			To: socketio.Selector{Rooms: []string{"x"}}, Data: json.RawMessage(`["q"]`),
		})
		text := func(m socketio.Message) string {
			for name, p := range peers {
				if p.ID() == m.Socket {
					return fmt.Sprintf("%d %s %s %t after %v", m.Kind, name, m.Data, m.Ended, time.Since(begin))
				}
			}
			return fmt.Sprintf("%d count %d of %d after %v", m.Kind, m.Count, len(m.IDs), time.Since(begin))
		}
		var got []string
		step := func() {
			synctest.Wait()
			_, replies := bus.take()
			for _, m := range replies {
				got = append(got, text(m))
			}
		}
		step()
		for _, name := range []string{"quick", "slow"} {
			time.Sleep(time.Second)
			e, err := peers[name].Expect(f.ctx, "q")
			if err != nil {
				t.Fatal(err)
			}
			_ = e.Ack(name, []byte("x"))
			step()
		}
		time.Sleep(time.Second)
		_ = peers["leaves"].Close()
		step()
		want := []string{
			`11 count 4 of 4 after 0s`,
			`12 quick ["quick",{"_placeholder":true,"num":0}] false after 1s`,
			`12 slow ["slow",{"_placeholder":true,"num":0}] false after 2s`,
			`12 leaves  true after 3s`,
		}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		s := socketOf(f, peers["silent"])
		if _, err := s.EmitWithAck(f.ctx, "another"); !errors.Is(err, socketio.ErrTooManyAcks) {
			t.Errorf("while the answer is owed: %v", err)
		}
		time.Sleep(8 * time.Second)
		ctx, cancel := context.WithTimeout(f.ctx, time.Second)
		defer cancel()
		if _, err := s.EmitWithAck(ctx, "another"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("when the time is over: %v", err)
		}
	})
}

// Other nodes may run other software: they may count their sockets without naming them, and may
// send too many answers or none.
func TestAnswersOfOtherNodes(t *testing.T) {
	for name, c := range map[string]struct {
		replies func(request string) []socketio.Message
		want    string
	}{
		"all": {func(string) []socketio.Message {
			return []socketio.Message{
				{Kind: socketio.KindCount, From: "1", Count: 2},
				{Kind: socketio.KindCount, From: "2", Count: 1, IDs: []string{"x"}},
				{Kind: socketio.KindAnswer, From: "1", Data: json.RawMessage(`[1]`)},
				{Kind: socketio.KindAnswer, From: "2", Socket: "x", Data: json.RawMessage(`[2]`)},
				{Kind: socketio.KindAnswer, From: "1", Data: json.RawMessage(`[3]`)},
			}
		}, `[1 x:2 3] [] 0 <nil> after 0s`},
		"answers before the counts": {func(string) []socketio.Message {
			return []socketio.Message{
				{Kind: socketio.KindAnswer, From: "2", Socket: "x", Data: json.RawMessage(`[2]`)},
				{Kind: socketio.KindCount, From: "1"},
				{Kind: socketio.KindCount, From: "2", Count: 1, IDs: []string{"x"}},
			}
		}, `[x:2] [] 0 <nil> after 0s`},
		"more than they counted": {func(string) []socketio.Message {
			return []socketio.Message{
				{Kind: socketio.KindCount, From: "1", Count: 1},
				{Kind: socketio.KindCount, From: "1", Count: 7},
				{Kind: socketio.KindAnswer, From: "1", Data: json.RawMessage(`[1]`)},
				{Kind: socketio.KindAnswer, From: "1", Data: json.RawMessage(`[2]`)},
				{Kind: socketio.KindCount, From: "2", IDs: []string{"x", "y"}},
				{Kind: socketio.KindAnswer, From: "2", Socket: "x", Data: json.RawMessage(`[2]`)},
				{Kind: socketio.KindAnswer, From: "2", Socket: "x", Data: json.RawMessage(`[3]`)},
				{Kind: socketio.KindAnswer, From: "2", Socket: "y", Data: json.RawMessage(`broken`)},
				{Kind: socketio.KindAnswer, From: "2", Socket: "y", Ended: true},
			}
		}, `[1 x:2] [y] 0 <nil> after 0s`},
		"one node is silent": {func(string) []socketio.Message {
			return []socketio.Message{{Kind: socketio.KindCount, From: "1"}}
		}, `[] [] 0 socketio: 1 of 2 other nodes answered: context deadline exceeded after 5s`},
		"their sockets are silent": {func(string) []socketio.Message {
			return []socketio.Message{
				{Kind: socketio.KindCount, From: "1", Count: 3},
				{Kind: socketio.KindCount, From: "2", IDs: []string{"x", "y"}},
				{Kind: socketio.KindAnswer, From: "2", Socket: "y", Data: json.RawMessage(`[]`)},
			}
		}, `[y:none] [x] 3 context deadline exceeded after 10m0s`},
		"replies to another request": {func(string) []socketio.Message {
			return []socketio.Message{
				{Kind: socketio.KindCount, From: "1", Request: "other"},
				{Kind: socketio.KindCount, From: "2", Request: "other"},
			}
		}, `[] [] 0 socketio: 0 of 2 other nodes answered: context deadline exceeded after 5s`},
	} {
		t.Run(name, func(t *testing.T) {
			onBus(t, 2, socketio.Options{}, open, func(f *fixture, bus *stubBus) {
				begin := time.Now()
				done := make(chan string)
				go func() {
					answers, err := f.srv.EmitWithAck(context.Background(), "q")
					var list []string
					for _, a := range answers.List {
						text := "none"
						if a.Len() > 0 {
							text = string(a.Args()[0].(socketio.Raw).JSON())
						}
						if a.Socket != "" {
							text = a.Socket + ":" + text
						}
						list = append(list, text)
					}
					done <- fmt.Sprint(list, " ", answers.Missing, " ", answers.Unnamed, " ", err, " after ", time.Since(begin))
				}()
				synctest.Wait()
				published, _ := bus.take()
				for _, m := range c.replies(published[0].Request) {
					if m.Request == "" {
						m.Request = published[0].Request
					}
					bus.deliver(m)
				}
				if got := <-done; got != c.want {
					t.Errorf("got  %s\nwant %s", got, c.want)
				}
			})
		})
	}
}

// If a node does not answer, the call takes 5 seconds, or as long as its context, and returns
// the answers of the other nodes.
func TestNodeThatDoesNotAnswer(t *testing.T) {
	inCluster(t, 3, socketio.Options{}, func(c *cluster) {
		c.hub.Stall(c.ids[2], true)
		for _, patience := range []time.Duration{0, 2 * time.Second} {
			ctx, cancel := context.WithCancel(context.Background())
			want := 5 * time.Second
			if patience > 0 {
				ctx, cancel = context.WithTimeout(ctx, patience)
				want = patience
			}
			begin := time.Now()
			infos, err := c.srv.To("x", "y").FetchSockets(ctx)
			var partial *socketio.PartialError
			if !errors.As(err, &partial) || partial.Answered != 1 || partial.Nodes != 2 || len(infos) != 3 || time.Since(begin) != want {
				t.Errorf("FetchSockets: %d sockets, %v after %v", len(infos), err, time.Since(begin))
			}
			begin = time.Now()
			answers, err := c.srv.ServerSideEmitWithAck(ctx, "hello", "x")
			if patience == 0 && (len(answers) != 1 || !errors.As(err, &partial) || time.Since(begin) != want) {
				t.Errorf("ServerSideEmitWithAck: %d answers, %v after %v", len(answers), err, time.Since(begin))
			}
			cancel()
		}
		c.hub.Stall(c.ids[2], false)
		if infos, err := c.srv.To("x", "y").FetchSockets(c.ctx); len(infos) != 4 || err != nil {
			t.Errorf("when it answers again: %d sockets, %v", len(infos), err)
		}
	})
}

// Only the first reply of a node counts, and its descriptions of sockets are checked.
func TestRepliesToFetch(t *testing.T) {
	onBus(t, 2, socketio.Options{}, open, func(f *fixture, bus *stubBus) {
		type result struct {
			infos []socketio.SocketInfo
			err   error
		}
		done := make(chan result)
		go func() {
			infos, err := f.srv.FetchSockets(f.ctx)
			done <- result{infos, err}
		}()
		synctest.Wait()
		published, _ := bus.take()
		reply := socketio.Message{Kind: socketio.KindSockets, From: "1", Request: published[0].Request}
		reply.Sockets = []socketio.SocketInfo{{ID: "x", Node: "forged", Data: json.RawMessage(`[`)}, {ID: "y", Data: json.RawMessage(`{"name":"ada"}`)}}
		bus.deliver(reply)
		bus.deliver(reply)
		synctest.Wait()
		reply.From, reply.Sockets = "2", nil
		select {
		case <-done:
			t.Fatal("two replies of one node were enough")
		default:
		}
		bus.deliver(reply)
		got := <-done
		if len(got.infos) != 2 || got.err != nil || got.infos[0].Node != "1" || got.infos[0].Data != nil {
			t.Fatalf("%+v", got)
		}
		if name, ok := displayName.Shared(got.infos[1]); !ok || name != "ada" {
			t.Errorf("%+v", got)
		}
	})
}
