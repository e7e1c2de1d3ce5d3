package socketio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/bustest"
	"socketiojwt/socketio/sockettest"
)

// onBus runs a test against one server on a stubBus, which reports the given number of other
// nodes.
func onBus(t *testing.T, nodes int, opts socketio.Options, setup func(srv *socketio.Server), test func(f *fixture, bus *stubBus)) {
	t.Helper()
	bus := &stubBus{nodes: nodes}
	opts.ClusterKey, opts.Bus = make([]byte, 16), bus.join
	bubble(t, opts, setup, func(f *fixture) { test(f, bus) })
}

// Each call publishes one message, and none if it concerns no socket or only sockets of this
// node.
func TestPublishedMessages(t *testing.T) {
	var rule *socketio.Rule
	setup := func(srv *socketio.Server) {
		srv.Open()
		rule = srv.OfFunc(func(context.Context, string, *socketio.Handshake) (bool, error) { return false, nil }).Open()
	}
	onBus(t, 0, socketio.Options{}, setup, func(f *fixture, bus *stubBus) {
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		s := socketOf(f, p)
		short, cancel := context.WithTimeout(f.ctx, 2*time.Second)
		defer cancel()
		for name, c := range map[string]struct {
			do   func() error
			want string
		}{
			"to all":        {func() error { return f.srv.Emit("e", 1, nil) }, `{"Kind":3,"Namespace":"/","To":{"All":true},"Data":["e",1,null]}`},
			"to rooms":      {func() error { return f.srv.To("a", "b", "a").Except("c").Emit("e") }, `{"Kind":3,"Namespace":"/","To":{"Rooms":["a","b"],"Except":["c"]},"Data":["e"]}`},
			"volatile":      {func() error { return f.srv.Volatile().Emit("e") }, `{"Kind":3,"Namespace":"/","To":{"All":true},"Data":["e"],"Volatile":true}`},
			"from a socket": {func() error { return s.To("a").Emit("e") }, `{"Kind":3,"Namespace":"/","To":{"Rooms":["a"],"Except":["ID"]},"Data":["e"]}`},
			"binary data":   {func() error { return f.srv.Emit("e", []byte("x")) }, `{"Kind":3,"Namespace":"/","To":{"All":true},"Data":["e",{"_placeholder":true,"num":0}],"Attachments":["eA=="]}`},
			"a rule":        {func() error { return rule.To("a").Emit("e") }, `{"Kind":3,"Rule":"dynamic namespace 1","To":{"Rooms":["a"]},"Data":["e"]}`},
			"another name":  {func() error { return f.srv.BroadcastIn("/far").Emit("e") }, `{"Kind":3,"Namespace":"/far","To":{"All":true},"Data":["e"]}`},
			"join":          {func() error { return f.srv.To("a").SocketsJoin("b") }, `{"Kind":4,"Namespace":"/","To":{"Rooms":["a"]},"Rooms":["b"]}`},
			"leave":         {func() error { return f.srv.To("a").SocketsLeave("b") }, `{"Kind":5,"Namespace":"/","To":{"Rooms":["a"]},"Rooms":["b"]}`},
			"disconnect": {func() error {
				return f.srv.To("a").DisconnectSockets(&socketio.Ending{Temporary: true, WholeConnection: true, RetryAfter: 5, Err: errors.New("why")})
			}, `{"Kind":6,"Namespace":"/","To":{"Rooms":["a"]},"Temporary":true,"WholeConnection":true,"RetryAfter":5,"Cause":"why"}`},
			"disconnect, an event": {func() error {
				return f.srv.To("a").DisconnectSockets(&socketio.Ending{Event: "e", Args: []any{1, []byte("x")}})
			}, `{"Kind":6,"Namespace":"/","To":{"Rooms":["a"]},"Data":["e",1,{"_placeholder":true,"num":0}],"Attachments":["eA=="]}`},
			"fetch":                 {func() error { _, err := f.srv.To("a").FetchSockets(f.ctx); return err }, `{"Kind":7,"Namespace":"/","Request":"N","Timeout":600000000000,"To":{"Rooms":["a"]}}`},
			"ask":                   {func() error { _, err := f.srv.To("a").EmitWithAck(short, "e"); return err }, `{"Kind":3,"Namespace":"/","Request":"N","Timeout":2000000000,"To":{"Rooms":["a"]},"Data":["e"]}`},
			"server side":           {func() error { return f.srv.ServerSideEmit("e", 1) }, `{"Kind":9,"Namespace":"/","Data":["e",1]}`},
			"server-side of a rule": {func() error { return rule.ServerSideEmit("e") }, `{"Kind":9,"Rule":"dynamic namespace 1","Data":["e"]}`},
			"extension":             {func() error { return f.srv.PublishExtension("x", []byte("y")) }, `{"Kind":100,"Extension":"x","Payload":"eQ=="}`},
			"to no room":            {func() error { return f.srv.To().Emit("e") }, ``},
			"this node":             {func() error { return f.srv.Local().Emit("e") }, ``},
			"counted":               {func() error { _, err := f.srv.EmitLocal("e"); return err }, ``},
			"a socket": {func() error {
				return errors.Join(s.Emit("e"), s.Volatile().Emit("e"), s.Join("a"), f.srv.To().DisconnectSockets(&socketio.Ending{Temporary: true, WholeConnection: true}))
			}, ``},
			"ask no room":    {func() error { _, err := f.srv.To().EmitWithAck(f.ctx, "e"); return err }, ``},
			"fetch here":     {func() error { _, err := f.srv.Local().FetchSockets(f.ctx); return err }, ``},
			"join, no names": {func() error { _ = f.srv.SocketsJoin(strings.Repeat("x", 1000)); return nil }, ``},
		} {
			if c.want == "" {
				s.Leave("a")
			}
			_, _ = bus.take()
			if err := c.do(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			s.Leave("a")
			published, _ := bus.take()
			text := ""
			for _, m := range published {
				if m.Request != "" {
					m.Request = "N"
				}
				m.Timeout = m.Timeout.Round(time.Second)
				data, err := json.Marshal(m)
				if err != nil {
					t.Fatal(err)
				}
				text += strings.ReplaceAll(string(data), p.ID(), "ID")
			}
			if text != c.want {
				t.Errorf("%s: published %s, want %s", name, text, c.want)
			}
		}
	})
}

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

// If the bus fails, the part of an operation on this node still takes effect.
func TestBusThatFails(t *testing.T) {
	onBus(t, 2, socketio.Options{}, open, func(f *fixture, bus *stubBus) {
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		full := errors.New("queue is full")
		bus.err = full
		if err := f.srv.Emit("e"); !errors.Is(err, full) {
			t.Errorf("Emit: %v", err)
		}
		f.expect(p, "e")
		if err := f.srv.SocketsJoin("x"); !errors.Is(err, full) || !socketOf(f, p).In("x") {
			t.Errorf("SocketsJoin: %v", err)
		}
		if infos, err := f.srv.FetchSockets(f.ctx); len(infos) != 1 || !errors.Is(err, full) {
			t.Errorf("FetchSockets: %v, %v", infos, err)
		}
		go func() {
			e, _ := p.Expect(f.ctx, "q")
			_ = e.Ack("yes")
		}()
		if answers, err := f.srv.EmitWithAck(f.ctx, "q"); len(answers.List) != 1 || !errors.Is(err, full) {
			t.Errorf("EmitWithAck: %+v, %v", answers, err)
		}
	})
}

// The bus is told in order which rooms exist. Changes made while it was busy are told together,
// without those that were reversed. No socket waits for the bus.
func TestRoomsReportedToTheBus(t *testing.T) {
	onBus(t, 0, socketio.Options{}, open, func(f *fixture, bus *stubBus) {
		p, q := f.dial(sockettest.Options{}), f.dial(sockettest.Options{})
		synctest.Wait()
		bus.told.lines = nil
		a, b := socketOf(f, p), socketOf(f, q)
		_ = a.Join("1")
		synctest.Wait()
		_ = a.Join("2")
		synctest.Wait()
		_ = b.Join("2") // which there is
		_ = b.Join("3")
		synctest.Wait()
		a.Leave("2") // where b stays
		bus.hold = make(chan struct{})
		_ = a.Join("4") // the bus is busy with this while the rest happens
		synctest.Wait()
		_ = a.Join("5", "6")
		a.Leave("5")
		_ = f.srv.SocketsLeave("3")
		_ = b.Join("3")
		close(bus.hold)
		synctest.Wait()
		bus.hold = make(chan struct{})
		_ = b.Join("7")
		synctest.Wait()
		_ = p.Close()
		synctest.Wait()
		close(bus.hold)
		synctest.Wait()
		gone := []string{"1", "4", "6", p.ID()}
		slices.Sort(gone)
		want := []string{
			"/ opened [1] closed []",
			"/ opened [2] closed []",
			"/ opened [3] closed []",
			"/ opened [4] closed []",
			"/ opened [6] closed []",
			"/ opened [7] closed []",
			"/ opened [] closed " + fmt.Sprint(gone),
		}
		if got := bus.told.all(); !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

// Messages of other nodes are input: whatever they contain, the server continues, and sends its
// sockets only what an Emit could have sent.
func TestMalformedMessages(t *testing.T) {
	all := socketio.Selector{All: true}
	event := json.RawMessage(`["e"]`)
	deep := json.RawMessage(`["e",` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `]`)
	for name, m := range map[string]socketio.Message{
		"nothing":                      {},
		"unknown kind":                 {Kind: 99, Namespace: "/", To: all, Data: event},
		"heartbeat":                    {Kind: 2, Namespace: "/"},
		"no namespace":                 {Kind: socketio.KindBroadcast, To: all, Data: event},
		"namespace and rule":           {Kind: socketio.KindBroadcast, Namespace: "/", Rule: "/", To: all, Data: event},
		"all and rooms":                {Kind: socketio.KindBroadcast, Namespace: "/", To: socketio.Selector{All: true, Rooms: []string{"x"}}, Data: event},
		"no data":                      {Kind: socketio.KindBroadcast, Namespace: "/", To: all},
		"no array":                     {Kind: socketio.KindBroadcast, Namespace: "/", To: all, Data: json.RawMessage(`{}`)},
		"an empty array":               {Kind: socketio.KindBroadcast, Namespace: "/", To: all, Data: json.RawMessage(`[]`)},
		"no JSON":                      {Kind: socketio.KindBroadcast, Namespace: "/", To: all, Data: json.RawMessage("[\"e\"]\x1e41")},
		"no name":                      {Kind: socketio.KindBroadcast, Namespace: "/", To: all, Data: json.RawMessage(`[""]`)},
		"a name that is an object":     {Kind: socketio.KindBroadcast, Namespace: "/", To: all, Data: json.RawMessage(`[{}]`)},
		"a reserved name":              {Kind: socketio.KindBroadcast, Namespace: "/", To: all, Data: json.RawMessage(`["connect_error",1]`)},
		"an attachment that is not":    {Kind: socketio.KindBroadcast, Namespace: "/", To: all, Data: json.RawMessage(`["e",{"_placeholder":true,"num":1}]`), Attachments: [][]byte{{1}}},
		"a negative placeholder":       {Kind: socketio.KindBroadcast, Namespace: "/", To: all, Data: json.RawMessage(`["e",{"_placeholder":true,"num":-1}]`), Attachments: [][]byte{{1}}},
		"too deep":                     {Kind: socketio.KindBroadcast, Namespace: "/", To: all, Data: deep},
		"an ask without data":          {Kind: socketio.KindBroadcast, Namespace: "/", Request: "r", To: all},
		"a negative timeout, no data":  {Kind: socketio.KindBroadcast, Namespace: "/", Request: "r", Timeout: -1, To: all},
		"fetch without a request":      {Kind: socketio.KindFetch, Namespace: "/", To: all},
		"join too many rooms":          {Kind: socketio.KindJoin, Namespace: "/", To: all, Rooms: numbered(5000, 1)},
		"join a long room":             {Kind: socketio.KindJoin, Namespace: "/", To: all, Rooms: []string{strings.Repeat("x", 1000)}},
		"disconnect all and rooms":     {Kind: socketio.KindDisconnect, Namespace: "/", To: socketio.Selector{All: true, Rooms: []string{"x"}}},
		"disconnect, a bad event":      {Kind: socketio.KindDisconnect, Namespace: "/", To: all, Data: json.RawMessage(`[""]`)},
		"disconnect without namespace": {Kind: socketio.KindDisconnect, To: all},
		"a reply to nothing":           {Kind: socketio.KindCount},
		"a negative count":             {Kind: socketio.KindCount, Request: "1", Count: -1},
		"a count without bounds":       {Kind: socketio.KindCount, Request: "1", Count: 1 << 60},
		"server-side, no data":         {Kind: socketio.KindServerSide, Namespace: "/", Request: "r"},
		"extension without a name":     {Kind: socketio.KindExtension, Payload: []byte("x")},
		"extension that is too long":   {Kind: socketio.KindExtension, Extension: "x", Payload: make([]byte, 2<<20)},
		"an extension that panics":     {Kind: socketio.KindExtension, Extension: "panics"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			opts := socketio.Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))}
			onBus(t, 1, opts, func(srv *socketio.Server) {
				srv.Open()
				srv.HandleExtension("panics", func(socketio.NodeID, []byte) { panic("secret") })
			}, func(f *fixture, bus *stubBus) {
				p := f.dial(sockettest.Options{})
				synctest.Wait()
				m.From = "other"
				bus.deliver(m)
				f.nothing(p)
				if rooms := socketOf(f, p).Rooms(); len(rooms) != 1 {
					t.Errorf("the socket is in %q", rooms)
				}
				if _, replies := bus.take(); len(replies) > 0 {
					t.Errorf("replied %v", replies)
				}
				text := log.String()
				if strings.Count(text, "\n") != 1 || !strings.Contains(text, "other") && !strings.Contains(text, "panic") || strings.Contains(text, "secret") || len(text) > 3000 {
					t.Errorf("logged %q", text)
				}
			})
		})
	}
	t.Run("no sender", func(t *testing.T) {
		onBus(t, 1, socketio.Options{}, open, func(f *fixture, bus *stubBus) {
			p := f.dial(sockettest.Options{})
			bus.deliver(socketio.Message{Kind: socketio.KindBroadcast, Namespace: "/", To: all, Data: event})
			f.nothing(p)
		})
	})
}

// A message for a namespace, rule, request or extension that this node does not have has no
// effect. If the sender waits for an answer, it gets one.
func TestMessagesForUnknownTargets(t *testing.T) {
	onBus(t, 1, socketio.Options{}, open, func(f *fixture, bus *stubBus) {
		p := f.dial(sockettest.Options{})
		for _, m := range []socketio.Message{
			{Kind: socketio.KindBroadcast, Namespace: "/far", Data: json.RawMessage(`["e"]`)},
			{Kind: socketio.KindBroadcast, Rule: "far", Data: json.RawMessage(`["e"]`)},
			{Kind: socketio.KindJoin, Namespace: "/far", Rooms: []string{"x"}},
			{Kind: socketio.KindLeave, Rule: "far", Rooms: []string{"x"}},
			{Kind: socketio.KindDisconnect, Namespace: "/far"},
			{Kind: socketio.KindServerSide, Namespace: "/far", Data: json.RawMessage(`["e"]`)},
			{Kind: socketio.KindExtension, Extension: "far"},
			{Kind: socketio.KindAnswer, Request: "far"},
		} {
			m.From, m.To.All = "other", true
			bus.deliver(m)
		}
		f.nothing(p)
		if _, replies := bus.take(); len(replies) > 0 || f.srv.Lookup("/far") != nil {
			t.Errorf("replied %v", replies)
		}
		for _, m := range []socketio.Message{
			{Kind: socketio.KindBroadcast, Namespace: "/far", Data: json.RawMessage(`["e"]`)},
			{Kind: socketio.KindFetch, Rule: "far"},
			{Kind: socketio.KindServerSide, Namespace: "/", Data: json.RawMessage(`["e"]`)},
		} {
			m.From, m.To.All, m.Request = "other", true, "r"
			bus.deliver(m)
			synctest.Wait()
			_, replies := bus.take()
			if len(replies) != 1 || replies[0].Request != "r" || replies[0].Count != 0 || len(replies[0].Sockets) != 0 || len(replies[0].Data) != 0 {
				t.Errorf("%d: replied %+v", m.Kind, replies)
			}
		}
	})
}

// A socket that is not admitted is invisible to all nodes.
func TestOtherNodesSeeOnlyAdmittedSockets(t *testing.T) {
	var held *socketio.Socket
	setup := func(srv *socketio.Server) {
		srv.Use(func(_ context.Context, s *socketio.Socket) error {
			held = s
			return s.Hold(socketio.HoldOptions{})
		})
	}
	onBus(t, 1, socketio.Options{}, setup, func(f *fixture, bus *stubBus) {
		p := f.dial(sockettest.Options{})
		synctest.Wait()
		id := p.ID()
		for _, to := range []socketio.Selector{{All: true}, {Rooms: []string{id}}} {
			for _, m := range []socketio.Message{
				{Kind: socketio.KindBroadcast, Data: json.RawMessage(`["secret"]`)},
				{Kind: socketio.KindBroadcast, Data: json.RawMessage(`["secret"]`), Request: "r"},
				{Kind: socketio.KindJoin, Rooms: []string{"lobby"}},
				{Kind: socketio.KindDisconnect, Temporary: true, WholeConnection: true},
				{Kind: socketio.KindDisconnect},
				{Kind: socketio.KindFetch, Request: "r"},
			} {
				m.From, m.Namespace, m.To = "other", "/", to
				bus.deliver(m)
			}
		}
		f.nothing(p)
		_, replies := bus.take()
		for _, m := range replies {
			if m.Count != 0 || len(m.IDs) > 0 || len(m.Sockets) > 0 {
				t.Errorf("replied %+v", m)
			}
		}
		if told := bus.told.all(); len(told) > 0 || len(replies) != 4 {
			t.Errorf("%d replies; the bus was told %q", len(replies), told)
		}
		if err := held.Admit(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if rooms := held.Rooms(); len(rooms) != 1 {
			t.Errorf("admitted into %q", rooms)
		}
	})
}

// No message to another node contains a token, wherever the peer has put it.
func TestNoTokenLeavesTheNode(t *testing.T) {
	opts := socketio.Options{KeepAuth: []string{"token"}, KeepQuery: []string{"token"}, KeepHeaders: []string{"Authorization", "Cookie"}}
	onBus(t, 1, opts, open, func(f *fixture, bus *stubBus) {
		header := map[string][]string{"Authorization": {"Bearer secret"}, "Cookie": {"token=secret"}}
		f.dial(sockettest.Options{Auth: map[string]any{"token": "secret"}, Header: header, Query: map[string][]string{"token": {"secret"}}})
		synctest.Wait()
		if h := f.srv.Sockets()[0].Handshake(); !strings.Contains(string(h.Auth), "secret") || len(h.Header) == 0 {
			t.Fatal("the token was not kept")
		}
		bus.deliver(socketio.Message{Kind: socketio.KindFetch, From: "other", Namespace: "/", Request: "r", To: socketio.Selector{All: true}})
		_, replies := bus.take()
		data, err := json.Marshal(replies)
		if err != nil || len(replies) != 1 || len(replies[0].Sockets) != 1 || bytes.Contains(data, []byte("secret")) {
			t.Errorf("replied %s, %v", data, err)
		}
	})
}

// Without a common key, a server could not recognize the ids of another server's sockets.
func TestBusNeedsAClusterKey(t *testing.T) {
	bus := &stubBus{}
	for _, opts := range []socketio.Options{{Bus: bus.join}, {Bus: bus.join, ClusterKey: make([]byte, 15)}, {ClusterKey: []byte("short")}} {
		if _, err := socketio.NewServer(opts); err == nil || !strings.Contains(err.Error(), "16 bytes") {
			t.Errorf("NewServer: %v", err)
		}
	}
}

// Servers may join and leave while others emit.
func TestClusterUnderStress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := bustest.New()
		var acting sync.WaitGroup
		var mu sync.Mutex
		var servers []*socketio.Server
		for i := range 4 {
			acting.Go(func() {
				for round := range 5 {
					opts := socketio.Options{Logger: slog.New(slog.DiscardHandler)}
					id := hub.Join(&opts)
					f, stop, err := tryStart(t, opts, rooms)
					if err != nil {
						t.Error(err)
						return
					}
					var peers []*sockettest.Peer
					for range 3 {
						p, err := f.tryDial(sockettest.Options{Auth: map[string]any{"rooms": []string{"x"}}})
						if err != nil {
							t.Errorf("dial: %v", err)
							stop()
							return
						}
						peers = append(peers, p)
					}
					for _, p := range peers[:2] {
						go func() {
							for {
								e, err := p.Next(f.ctx)
								if err != nil {
									return
								}
								_ = e.Ack("yes")
							}
						}()
					}
					ctx, cancel := context.WithTimeout(f.ctx, time.Second)
					_ = f.srv.To("x").Emit("e", i, round)
					_ = f.srv.To("x").SocketsJoin("y")
					_, _ = f.srv.To("y").EmitWithAck(ctx, "q")
					_, _ = f.srv.FetchSockets(ctx)
					_, _ = f.srv.ServerSideEmitWithAck(ctx, "hello")
					_ = f.srv.To(peers[2].ID()).DisconnectSockets(someEnding())
					if rooms := hub.Rooms(id, "/"); len(rooms) < 3 {
						t.Errorf("the bus was told of %q", rooms)
					}
					cancel()
					if round%2 == 0 {
						_ = f.srv.Shutdown(f.ctx)
					}
					stop()
					mu.Lock()
					servers = append(servers, f.srv)
					mu.Unlock()
				}
			})
		}
		acting.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		for _, srv := range servers {
			if left := srv.Remains(); left != "" {
				t.Errorf("left: %s", left)
			}
		}
	})
}
