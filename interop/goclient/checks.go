package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"socketiojwt/socketio/client"
)

// events: text and binary data, with acknowledgements, both ways.
func (r *run) events() error {
	c, s, err := r.join("/")
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if _, err := r.expect(s, client.EventConnect); err != nil {
		return err
	}
	for _, size := range []int{0, 1, 200, 70_000, 300_000} {
		data := bytes.Repeat([]byte{0, 255, 7}, size)[:size]
		text := strings.Repeat("é😀", size/6)
		var back struct {
			Text string
			Deep [][]byte
		}
		if err := r.ask(s, "echo", []any{map[string]any{"text": text, "deep": []any{data, data}}}, &back); err != nil {
			return err
		}
		if back.Text != text || len(back.Deep) != 2 || !bytes.Equal(back.Deep[1], data) {
			return fmt.Errorf("%d bytes came back as %d characters and %d attachments", size, len(back.Text), len(back.Deep))
		}
	}
	if err := s.Emit(r.ctx, "question"); err != nil {
		return err
	}
	var number int
	var data []byte
	e, err := r.expect(s, "question", &number, &data)
	if err != nil {
		return err
	}
	if number != 42 || string(data) != "bytes" || !e.WantsAck() {
		return fmt.Errorf("question %d, %q", number, data)
	}
	if err := e.Ack(r.ctx, "answer", []byte("more")); err != nil {
		return err
	}
	var text string
	if _, err = r.expect(s, "answered", &text, &data); err != nil || text != "answer" || string(data) != "more" {
		return fmt.Errorf("answered %q, %q: %w", text, data, err)
	}
	return nil
}

// order: many events come back once and in order, also while the transport changes.
func (r *run) order() error {
	c, s, err := r.join("/")
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	const n = 2000
	failed := make(chan error, 1)
	go func() {
		for i := range n {
			if err := s.Emit(r.ctx, "repeat", i, []byte{byte(i)}); err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	if _, err := r.expect(s, client.EventConnect); err != nil {
		return err
	}
	for i := range n {
		var got int
		var data []byte
		if _, err := r.expect(s, "repeated", &got, &data); err != nil || got != i || !bytes.Equal(data, []byte{byte(i)}) {
			return fmt.Errorf("event %d is %d, %v: %w", i, got, data, err)
		}
	}
	return <-failed
}

// namespaces: two on one connection, each with its own payload.
func (r *run) namespaces() error {
	c, s, err := r.join("/")
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	other, err := c.Join(r.ctx, "/admin")
	if err != nil {
		return err
	}
	var first, second struct {
		Namespace, ID, Client string
		Visit                 int
	}
	if err := errors.Join(r.ask(s, "whoami", nil, &first), r.ask(other, "whoami", nil, &second)); err != nil {
		return err
	}
	if first.Namespace != "/" || second.Namespace != "/admin" || first.Client != second.Client || first.ID != s.ID() || second.ID != other.ID() || second.Visit != 2 {
		return fmt.Errorf("%+v and %+v", first, second)
	}
	return nil
}

// refusal: by a middleware, with its data, and of a namespace that there is not.
func (r *run) refusal() error {
	c, err := r.dial()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	var told *client.ConnectError
	if _, err := c.Join(r.ctx, "/closed"); !errors.As(err, &told) || told.Message != "not you" {
		return fmt.Errorf("/closed: %w", err)
	}
	var data struct{ Code int }
	if err := json.Unmarshal(told.Data, &data); err != nil || data.Code != 7 {
		return fmt.Errorf("data %s: %w", told.Data, err)
	}
	if _, err := c.Join(r.ctx, "/nowhere"); !errors.As(err, &told) || told.Message != "Invalid namespace" {
		return fmt.Errorf("/nowhere: %w", err)
	}
	var status *client.StatusError
	_, err = client.Dial(r.ctx, r.url+"/?refuse=1", client.Options{Transports: r.transports})
	if !errors.As(err, &status) || status.Status != 403 && status.Status != 400 { // Node answers a WebSocket with 400
		return fmt.Errorf("refused handshake: %w", err)
	}
	return nil
}

// disconnected: the server ends one socket, which stays away, and the other stays.
func (r *run) disconnected() error {
	c, s, err := r.join("/")
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	other, err := c.Join(r.ctx, "/admin")
	if err != nil {
		return err
	}
	if _, err := s.EmitWithAck(r.ctx, "kick"); !errors.Is(err, client.ErrDisconnected) {
		return fmt.Errorf("kick: %w", err)
	}
	time.Sleep(300 * time.Millisecond) // in which a client that came back would
	var sockets int
	if err := r.ask(other, "count", []any{"/"}, &sockets); err != nil || sockets != 0 {
		return fmt.Errorf("%d sockets are in /: %w", sockets, err)
	}
	again, err := c.Join(r.ctx, "/")
	if err != nil {
		return err
	}
	return r.ask(again, "whoami", nil)
}

// reconnection: the server closes the transport, and both sockets come back with another
// payload.
func (r *run) reconnection() error {
	c, s, err := r.join("/")
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	other, err := c.Join(r.ctx, "/admin")
	if err != nil {
		return err
	}
	id := s.ID()
	for visit := 3; visit < 9; visit += 2 {
		if _, err := s.EmitWithAck(r.ctx, "drop"); !errors.Is(err, client.ErrConnectionLost) {
			return fmt.Errorf("drop: %w", err)
		}
		var first, second struct{ Visit int }
		if err := errors.Join(r.ask(s, "whoami", nil, &first), r.ask(other, "whoami", nil, &second)); err != nil {
			return err
		}
		if first.Visit+second.Visit != 2*visit+1 || s.ID() == id {
			return fmt.Errorf("visits %d and %d, id %q after %q", first.Visit, second.Visit, s.ID(), id)
		}
	}
	var reason string
	_, err = r.expect(s, client.EventConnect)
	if err == nil {
		_, err = r.expect(s, client.EventDisconnect, &reason)
	}
	if err != nil || reason != "transport close" {
		return fmt.Errorf("reason %q: %w", reason, err)
	}
	return nil
}

// heartbeat: pings are answered, for longer than the server waits for that.
func (r *run) heartbeat() error {
	c, s, err := r.join("/")
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	h := c.Handshake()
	time.Sleep(3 * (h.PingInterval + h.PingTimeout))
	if r.asked.Load() != 1 {
		return errors.New("the connection was lost")
	}
	return r.ask(s, "whoami", nil)
}

// transport: the server sees the one that was asked for in the end.
func (r *run) transport() error {
	c, s, err := r.join("/")
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	want := string(r.transports[len(r.transports)-1])
	var got string
	for range 100 {
		if err := r.ask(s, "transport", nil, &got); err != nil || got == want {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("transport %q, want %q", got, want)
}

// left: the server hears that a client leaves or closes. (Node drops an event that a
// DISCONNECT follows at once, so that the event is acknowledged first.)
func (r *run) left() error {
	watcher, w, err := r.join("/watch")
	if err != nil {
		return err
	}
	defer func() { _ = watcher.Close() }()
	if _, err := r.expect(w, client.EventConnect); err != nil {
		return err
	}
	for _, leave := range []bool{true, false} {
		c, s, err := r.join("/")
		if err != nil {
			return err
		}
		if err := r.ask(s, "last words", []any{make([]byte, 100_000)}); err != nil {
			return err
		}
		if leave {
			err = s.Leave()
		} else {
			err = c.Close()
		}
		if err != nil {
			return err
		}
		var reason, words string
		if _, err := r.expect(w, "left", &reason, &words); err != nil || reason != "client namespace disconnect" || words != "last words" {
			return fmt.Errorf("left with %q, %q: %w", reason, words, err)
		}
		_ = c.Close()
	}
	return nil
}
