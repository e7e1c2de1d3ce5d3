package socketio_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

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

// The rooms of a socket that is in very many of them are reported to the bus in parts, because the bus holds a lock
// meanwhile that messages wait for.
func TestManyRoomsAreReportedInParts(t *testing.T) {
	onBus(t, 0, socketio.Options{}, open, func(f *fixture, bus *stubBus) {
		s := socketOf(f, f.dial(sockettest.Options{}))
		var rooms []string
		for i := range 1000 {
			rooms = append(rooms, fmt.Sprint("room", i))
		}
		before := len(bus.told.all())
		check := func(state int) {
			t.Helper()
			reported := []string{}
			told := bus.told.all()
			told, before = told[before:], len(told)
			for _, told := range told {
				first, second, _ := strings.Cut(strings.TrimPrefix(told, "/ opened ["), "] closed [")
				opened, closed := strings.Fields(first), strings.Fields(strings.TrimSuffix(second, "]"))
				if len(opened) > 256 || len(closed) > 256 {
					t.Errorf("one report has %d opened and %d closed rooms", len(opened), len(closed))
				}
				reported = append(reported, [][]string{opened, closed}[state]...)
				if n := len([][]string{closed, opened}[state]); n > 0 {
					t.Errorf("%d rooms are reported wrongly", n)
				}
			}
			slices.Sort(reported)
			if want := slices.Sorted(slices.Values(rooms)); !slices.Equal(reported, want) {
				t.Errorf("%d rooms are reported, want %d", len(reported), len(want))
			}
		}
		if err := s.Join(rooms...); err != nil {
			t.Fatal(err)
		}
		check(0)
		s.Leave(rooms...)
		check(1)
	})
}
