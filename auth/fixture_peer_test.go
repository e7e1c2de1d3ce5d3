package auth_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/socketio/sockettest"
)

func (f *fixture) try(opts sockettest.Options) (*sockettest.Peer, error) {
	opts.NetDial = f.in.Dial
	p, err := sockettest.Dial(f.ctx, "http://server", opts)
	if err == nil {
		f.t.Cleanup(func() { _ = p.Close() })
	}
	return p, err
}

// dial joins "/" or the namespace of opts.
func (f *fixture) dial(opts sockettest.Options) *sockettest.Peer {
	f.t.Helper()
	p, err := f.try(opts)
	if err != nil {
		f.t.Fatalf("dial: %v", err)
	}
	return p
}

// refused joins and expects a refusal.
func (f *fixture) refused(opts sockettest.Options) refusal {
	f.t.Helper()
	_, err := f.try(opts)
	var told *sockettest.ConnectError
	if !errors.As(err, &told) {
		f.t.Fatalf("got %v, want CONNECT_ERROR", err)
	}
	var r refusal
	if err := json.Unmarshal(told.Data, &r); err != nil {
		f.t.Fatal(err)
	}
	if r.Message != told.Message {
		f.t.Errorf("message %q beside data of %q", told.Message, r.Message)
	}
	return r
}

// refusal is a refusal as a peer gets it.
type refusal struct{ Message, Code, Type, Reason, ID string }

// unauthorized takes the next event "unauthorized".
func (f *fixture) unauthorized(p *sockettest.Peer) (refusal, sockettest.Event) {
	f.t.Helper()
	var payload struct {
		Message string
		Inner   struct{ Message string }
		Data    refusal
	}
	e := f.expect(p, "unauthorized", &payload)
	if payload.Message != payload.Data.Message || payload.Message != payload.Inner.Message {
		f.t.Errorf("three messages differ: %+v", payload)
	}
	return payload.Data, e
}

// expect takes the next event of that name and reads its arguments.
func (f *fixture) expect(p *sockettest.Peer, event string, dst ...any) sockettest.Event {
	f.t.Helper()
	e, err := p.Expect(f.ctx, event)
	if err != nil {
		f.t.Fatalf("expect %q: %v\n%s", event, err, f.log.String())
	}
	if err := e.Scan(dst...); err != nil {
		f.t.Fatalf("event %q: %v", event, err)
	}
	return e
}

func (f *fixture) emit(p *sockettest.Peer, event string, args ...any) {
	f.t.Helper()
	if err := p.Emit(event, args...); err != nil {
		f.t.Fatalf("emit %q: %v", event, err)
	}
}

// login shows a token by event and waits for the answer.
func (f *fixture) login(p *sockettest.Peer, compact string) {
	f.t.Helper()
	f.emit(p, "authenticate", bearing(compact))
	if e := f.expect(p, "authenticated"); e.Len() != 0 {
		f.t.Errorf("authenticated has %d arguments, want none", e.Len())
	}
}

// whoami asks an admitted socket for its subject.
func (f *fixture) whoami(p *sockettest.Peer) string {
	f.t.Helper()
	answer, err := p.EmitWithAck(f.ctx, "whoami")
	if err != nil {
		f.t.Fatalf("whoami: %v\n%s", err, f.log.String())
	}
	var name string
	if err := answer.Scan(&name); err != nil {
		f.t.Fatal(err)
	}
	return name
}

// ended waits for the end of p's socket, and checks its error and the time until then.
func (f *fixture) ended(p *sockettest.Peer, want error, after time.Duration) {
	f.t.Helper()
	start := time.Now()
	if err := p.Ended(f.ctx); !errors.Is(err, want) {
		f.t.Errorf("ended with %v, want %v", err, want)
	}
	if took := time.Since(start); took != after {
		f.t.Errorf("ended after %v, want %v", took, after)
	}
}

// nothing waits until every goroutine is idle, and checks that p has no event.
func (f *fixture) nothing(p *sockettest.Peer) {
	f.t.Helper()
	synctest.Wait()
	if got := p.Events(); len(got) > 0 {
		f.t.Errorf("got events %q, want none", got)
	}
}

// happened checks the lines of ran.
func (f *fixture) happened(want ...string) {
	f.t.Helper()
	if got := f.ran.all(); !slices.Equal(got, want) {
		f.t.Errorf("on the server ran %q, want %q", got, want)
	}
}

// wire keeps the Socket.IO packets that the server sent, with the random parts replaced.
type wire struct{ record }

func (w *wire) trace(sent bool, data []byte, _ bool) {
	if !sent {
		w.add(random.ReplaceAllString(string(data), `"$1":"*"`))
	}
}

var random = regexp.MustCompile(`"(id|sid)":"[^"]+"`)

func (w *wire) want(t *testing.T, want ...string) {
	t.Helper()
	if got := w.all(); !slices.Equal(got, want) {
		t.Errorf("on the wire:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// containsAny reports whether s contains any of the parts.
func containsAny(s string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(s, part) })
}
