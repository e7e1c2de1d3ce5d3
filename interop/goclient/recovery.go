package main

import (
	"bytes"
	"fmt"

	"socketiojwt/socketio/client"
)

// recovery: the connection is lost several times, and the socket receives each event once, those
// it has missed before it is connected again.
func (r *run) recovery() error {
	c, s, err := r.join("/")
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if _, err := r.expect(s, client.EventConnect); err != nil {
		return err
	}
	id := s.ID()
	if err := s.Emit(r.ctx, "news", 1, 2); err != nil {
		return err
	}
	if err := r.news(s, 1, 2); err != nil {
		return err
	}
	for n := 10; n < 40; n += 10 {
		if err := s.Emit(r.ctx, "drop before news", n, n+1); err != nil {
			return err
		}
		if _, err := r.expect(s, client.EventDisconnect, new(string)); err != nil {
			return err
		}
		if err := r.news(s, n, n+1); err != nil {
			return err
		}
		if _, err := r.expect(s, client.EventConnect); err != nil {
			return err
		}
		if !s.Recovered() || s.ID() != id {
			return fmt.Errorf("recovered %t, id %q, want %q", s.Recovered(), s.ID(), id)
		}
	}
	return nil
}

// news receives events with these numbers.
func (r *run) news(s *client.Socket, numbers ...int) error {
	for _, want := range numbers {
		var n int
		var data []byte
		if _, err := r.expect(s, "news", &n, &data); err != nil {
			return err
		}
		if n != want || !bytes.Equal(data, []byte("bytes")) {
			return fmt.Errorf("news %d %q, want %d", n, data, want)
		}
	}
	return nil
}
