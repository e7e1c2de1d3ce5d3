package socketio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

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
			bus.deliver(socketio.Message{Kind: socketio.KindGone})
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
