// Command goclient checks package socketio/client against the Node server of
// goclient.test.mjs. It exits with an error for the first thing that is not as it should.
//
//	goclient -url http://127.0.0.1:9000 -transports polling,websocket CHECK...
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"socketiojwt/socketio/client"
)

// A run is what the checks share.
type run struct {
	url        string
	transports []client.Transport
	ctx        context.Context
	asked      atomic.Int32 // how often the auth payload was asked for
}

var checks = map[string]func(*run) error{
	"events":       (*run).events,
	"order":        (*run).order,
	"namespaces":   (*run).namespaces,
	"refusal":      (*run).refusal,
	"disconnected": (*run).disconnected,
	"reconnection": (*run).reconnection,
	"heartbeat":    (*run).heartbeat,
	"transport":    (*run).transport,
	"left":         (*run).left,
	"recovery":     (*run).recovery,
}

func main() {
	url := flag.String("url", "", "server")
	transports := flag.String("transports", "websocket", "transports, with commas between them")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, name := range flag.Args() {
		r := &run{url: *url, ctx: ctx}
		for transport := range strings.SplitSeq(*transports, ",") {
			r.transports = append(r.transports, client.Transport(transport))
		}
		check := checks[name]
		if check == nil {
			check = func(*run) error { return errors.New("no such check") }
		}
		if err := check(r); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(1)
		}
		fmt.Println("ok", name)
	}
}

// dial connects, with a payload that counts itself.
func (r *run) dial() (*client.Client, error) {
	return client.Dial(r.ctx, r.url, client.Options{
		Transports:     r.transports,
		ReconnectDelay: 50 * time.Millisecond,
		Auth: func(_ context.Context, namespace string) (any, error) {
			return map[string]any{"token": "good", "visit": r.asked.Add(1), "namespace": namespace}, nil
		},
	})
}

// join dials and joins a namespace.
func (r *run) join(namespace string) (*client.Client, *client.Socket, error) {
	c, err := r.dial()
	if err != nil {
		return nil, nil, err
	}
	s, err := c.Join(r.ctx, namespace)
	if err != nil {
		_ = c.Close()
		return nil, nil, err
	}
	return c, s, nil
}

// expect receives the next event, which must have that name, and scans it.
func (r *run) expect(s *client.Socket, name string, dst ...any) (*client.Event, error) {
	e, err := s.Receive(r.ctx)
	if err != nil {
		return nil, fmt.Errorf("waiting for %q: %w", name, err)
	}
	if e.Name != name {
		return nil, fmt.Errorf("event %q, want %q", e.Name, name)
	}
	return e, e.Scan(dst...)
}

// ask emits an event and scans the acknowledgement.
func (r *run) ask(s *client.Socket, event string, args []any, dst ...any) error {
	answer, err := s.EmitWithAck(r.ctx, event, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", event, err)
	}
	return answer.Scan(dst...)
}
