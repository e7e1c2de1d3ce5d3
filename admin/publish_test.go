package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"socketiojwt/admin"
	"socketiojwt/auth"
	"socketiojwt/auth/authtest"
	"socketiojwt/socketio"
	"socketiojwt/socketio/sockettest"
)

// publish sends a request with the scope for publishing.
func (f *fixture) publish(path, body string, want int, into any) {
	f.t.Helper()
	f.callAs(f.operator(map[string]any{"scope": "socketio:publish"}), "POST", path, body, want, into)
}

// hears checks that the next event of a peer is that one, with these arguments as JSON.
func hears(t *testing.T, p *sockettest.Peer, event, args string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	e, err := p.Next(ctx)
	if err != nil {
		t.Fatalf("%v, want %s", err, event)
	}
	array, _, err := socketio.EncodeArguments(e.Args()...)
	if err != nil || e.Name != event || string(array) != args {
		t.Errorf("%s%s, %v, want %s%s", e.Name, array, err, event, args)
	}
}

// An event reaches the selected sockets of all nodes and no other.
func TestEmit(t *testing.T) {
	nodes, _, _ := newNodes(t, 2)
	ada := nodes[0].dial(map[string]any{"iss": "i", "sub": "ada"})
	bob := nodes[1].dial(map[string]any{"iss": "i", "sub": "bob"})
	none := nodes[1].dial(map[string]any{"sub": "ada"}) // without issuer: another user
	all := map[string]*sockettest.Peer{"ada": ada, "bob": bob, "none": none}
	f := nodes[0]
	for i, c := range []struct{ to, heard string }{
		{`"to":{"all":true}`, "ada bob none"},
		{`"to":{"users":[{"issuer":"i","subject":"ada"},{"issuer":"i","subject":"bob"}]}`, "ada bob"},
		{`"to":{"users":[{"subject":"ada"}]}`, "none"},
		{`"to":{"sockets":["` + bob.ID() + `"]},"namespace":"/"`, "bob"},
		{`"to":{"rooms":["user:i/bob"],"users":[{"issuer":"i","subject":"ada"}]},"except":{"sockets":["` + ada.ID() + `"]}`, "bob"},
		{`"to":{"all":true},"except":{"users":[{"issuer":"i","subject":"ada"}],"rooms":["user:i/bob"]}`, "none"},
		{`"to":{"rooms":[]}`, ""},
		{`"to":{"all":true},"namespace":"/other"`, ""},
	} {
		f.publish("/emit", fmt.Sprintf(`{"event":"n","args":[%d,{"a":"b"}],%s}`, i, c.to), http.StatusNoContent, nil)
		for _, name := range strings.Fields(c.heard) {
			hears(t, all[name], "n", fmt.Sprintf(`[%d,{"a":"b"}]`, i))
		}
	}
	f.publish("/emit", `{"event":"bin","args":[{"_placeholder":true,"num":0}],"attachments":["AQID"],"to":{"all":true}}`, http.StatusNoContent, nil)
	f.publish("/emit", `{"event":"last","to":{"all":true}}`, http.StatusNoContent, nil)
	for _, p := range all {
		hears(t, p, "bin", `[{"_placeholder":true,"num":0}]`)
		hears(t, p, "last", `[]`) // and nothing that was not for it
	}
}

// Sockets of all nodes join and leave rooms.
func TestRooms(t *testing.T) {
	nodes, _, _ := newNodes(t, 2)
	ada, bob := nodes[0].dial(map[string]any{"sub": "ada"}), nodes[1].dial(map[string]any{"sub": "bob"})
	f := nodes[0]
	f.publish("/rooms/join", `{"to":{"all":true},"rooms":["lobby","x"]}`, http.StatusNoContent, nil)
	f.publish("/rooms/leave", `{"to":{"users":[{"subject":"bob"}]},"rooms":["lobby"]}`, http.StatusNoContent, nil)
	f.publish("/emit", `{"event":"lobby","to":{"rooms":["lobby"]}}`, http.StatusNoContent, nil)
	f.publish("/emit", `{"event":"x","to":{"rooms":["x"]}}`, http.StatusNoContent, nil)
	hears(t, ada, "lobby", `[]`)
	hears(t, ada, "x", `[]`)
	hears(t, bob, "x", `[]`)
	for _, body := range []string{
		`{"to":{"users":[{"subject":"ada"}]},"rooms":["` + strings.Repeat("x", 300) + `"]}`,
		`{"to":{"users":[{"subject":"ada"}]},"rooms":["` + bob.ID() + `"]}`,
		`{"to":{"all":true},"rooms":[]}`, `{"to":{"all":true}}`,
	} {
		f.publish("/rooms/join", body, http.StatusBadRequest, nil)
	}
	for _, path := range []string{"/rooms/join", "/rooms/leave"} { // rooms of users follow from tokens
		var p struct{ Detail string }
		f.publish(path, `{"to":{"all":true},"rooms":["ok","user:/ada"]}`, http.StatusBadRequest, &p)
		if !strings.Contains(p.Detail, "only a gate") {
			t.Errorf("%s: %q", path, p.Detail)
		}
	}
	f.publish("/emit", `{"event":"ada","to":{"rooms":["ok"]}}`, http.StatusNoContent, nil)
	f.publish("/emit", `{"event":"ada","to":{"rooms":["user:/ada"]}}`, http.StatusNoContent, nil)
	hears(t, ada, "ada", `[]`)
	for _, p := range []*sockettest.Peer{ada, bob} {
		if left := p.Events(); len(left) > 0 {
			t.Errorf("further events: %q", left)
		}
	}
	many, _ := json.Marshal(manyRooms("r", 1000))
	f.publish("/rooms/join", `{"to":{"users":[{"subject":"ada"}]},"rooms":`+string(many)+`}`, http.StatusConflict, nil)
}

func manyRooms(prefix string, n int) (rooms []string) {
	for i := range n {
		rooms = append(rooms, fmt.Sprint(prefix, i))
	}
	return rooms
}

type acknowledgements struct {
	Answers []struct {
		Socket      string
		Args        json.RawMessage
		Attachments [][]byte
	}
	Missing      []string
	MissingCount int
	TooLarge     bool
	Partial      *struct {
		Answered, Nodes int
		Missing         []string
	}
}

// Acknowledgements of the sockets of all nodes are returned, and sockets that have not answered
// are named.
func TestEmitWithAck(t *testing.T) {
	nodes, _, _ := newNodes(t, 2)
	answering := func(p *sockettest.Peer, args ...any) {
		go func() {
			if e, err := p.Expect(t.Context(), "q"); err == nil {
				_ = e.Ack(args...)
			}
		}()
	}
	ada, bob, silent := nodes[0].dial(map[string]any{"sub": "ada"}), nodes[1].dial(map[string]any{"sub": "bob"}), nodes[1].dial(map[string]any{"sub": "silent"})
	answering(ada, "a", []byte{1})
	answering(bob, 7)
	var got acknowledgements
	nodes[0].publish("/emit", `{"event":"q","to":{"all":true},"ackTimeout":1}`, http.StatusOK, &got)
	byID := map[string]string{}
	for _, a := range got.Answers {
		byID[a.Socket] = fmt.Sprintf("%s %v", a.Args, a.Attachments)
	}
	if len(byID) != 2 || byID[ada.ID()] != `["a",{"_placeholder":true,"num":0}] [[1]]` || byID[bob.ID()] != `[7] []` || len(got.Missing) != 1 || got.Missing[0] != silent.ID() || got.MissingCount != 1 || got.Partial != nil {
		t.Errorf("%+v, %v", got, byID)
	}
	answering(ada, strings.Repeat("x", 900<<10))
	f := nodes[0]
	for range 5 {
		answering(f.dial(map[string]any{"sub": "big"}), strings.Repeat("x", 900<<10))
	}
	got = acknowledgements{}
	f.publish("/emit", `{"event":"q","to":{"users":[{"subject":"ada"},{"subject":"big"}]},"ackTimeout":20}`, http.StatusOK, &got)
	if len(got.Answers) != 4 || !got.TooLarge || got.MissingCount != 2 {
		t.Errorf("%d answers, %v, %d missing", len(got.Answers), got.TooLarge, got.MissingCount)
	}
}

// A request that cannot be understood is refused, and reaches no socket.
func TestBadPublishing(t *testing.T) {
	f := newFixture(t)
	p := f.dial(map[string]any{"sub": "ada"})
	many, _ := json.Marshal(manyRooms("r", 1001))
	for _, body := range []string{
		``, `{}`, `[]`, `{"event":"x"}`, `{"to":{"all":true}}`, `{"event":"x","to":{}}`, `{"event":"x","to":{"all":true,"rooms":["a"]}}`, `{"event":"x","to":{"all":true,"rooms":[]}}`,
		`{"event":"disconnect","to":{"all":true}}`, `{"event":"","to":{"all":true}}`, `{"event":"x","to":{"all":true},"args":{}}`, `{"event":"x","to":{"all":true},"args":[1`,
		`{"event":"x","to":{"all":true},"arg":[]}`, `{"event":"x","to":{"all":true},"to":{"rooms":["a"]}}`, `{"event":"x","to":{"all":true},"namespace":"chat"}`,
		`{"event":"x","to":{"all":true},"except":{"all":true}}`, `{"event":"x","to":{"users":[{"issuer":"i"}]}}`, `{"event":"x","to":{"rooms":` + string(many) + `}}`,
		`{"event":"x","to":{"all":true},"ackTimeout":31}`, `{"event":"x","to":{"all":true},"ackTimeout":-1}`, `{"event":"x","to":{"all":true},"attachments":["AQ=="]}`,
		`{"event":"x","to":{"all":true},"args":[{"_placeholder":true,"num":1}],"attachments":["AQ=="]}`, `{"event":"x","to":{"all":true},"args":[1],"attachments":["not Base64"]}`,
		`{"event":"x","to":{"all":true},"args":[` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `]}`,
	} {
		f.publish("/emit", body, http.StatusBadRequest, nil)
	}
	f.publish("/emit", `{"event":"x","to":{"all":true},"args":["`+strings.Repeat("x", 1<<20)+`"]}`, http.StatusRequestEntityTooLarge, nil)
	f.publish("/emit", `{"event":"good","to":{"all":true}}`, http.StatusNoContent, nil)
	hears(t, p, "good", `[]`)
}

// A token that publishes is not one of an operator, and the other way round. Options that would
// make them the same are an error.
func TestPublishScope(t *testing.T) {
	f := newFixture(t)
	publisher := f.operator(map[string]any{"scope": "socketio:publish"})
	const body = `{"event":"x","to":{"all":true}}`
	header := f.callAs(publisher, "GET", "/leases", "", http.StatusForbidden, nil)
	if got := header.Get("WWW-Authenticate"); got != `Bearer realm="socketio-jwt admin", error="insufficient_scope", scope="socketio:admin"` {
		t.Errorf("WWW-Authenticate: %s", got)
	}
	f.callAs(publisher, "POST", "/blocks", `{"subject":"ada"}`, http.StatusForbidden, nil)
	for _, path := range []string{"/emit", "/rooms/join", "/rooms/leave"} {
		f.callAs(f.operator(nil), "POST", path, body, http.StatusForbidden, nil)
		f.callAs(f.sign(map[string]any{"sub": "ada", "scope": "socketio:publish"}), "POST", path, body, http.StatusUnauthorized, nil)
		f.callAs("", "POST", path, body, http.StatusUnauthorized, nil)
	}
	f.callAs(f.operator(map[string]any{"scope": "socketio:admin socketio:publish"}), "POST", "/emit", body, http.StatusNoContent, nil)
	f.callAs(f.operator(map[string]any{"sub": "mallory", "iss": "i", "jti": "7", "scope": "socketio:publish"}), "POST", "/emit", body, http.StatusNoContent, nil)
	f.call("POST", "/revocations", `{"gate":"operators","issuer":"i","tokenId":"7"}`, http.StatusOK, nil)
	f.callAs(f.operator(map[string]any{"sub": "mallory", "iss": "i", "jti": "7", "scope": "socketio:publish"}), "POST", "/emit", body, http.StatusUnauthorized, nil)
	gate, _ := authtest.NewGate(t, auth.Options{})
	for _, scope := range []string{"socketio:admin", "a b"} {
		if _, err := admin.New(map[string]*auth.Gate{"main": gate}, nil, admin.Options{PublishScope: scope}); err == nil || !strings.Contains(err.Error(), "PublishScope") {
			t.Errorf("%q: %v", scope, err)
		}
	}
}

// A request with an Idempotency-Key is carried out once.
func TestIdempotencyKey(t *testing.T) {
	f := newFixture(t)
	p := f.dial(map[string]any{"sub": "ada"})
	sendAs := func(claims map[string]any, key, body string, want int) {
		t.Helper()
		claims["scope"] = "socketio:publish"
		r := httptest.NewRequest("POST", "/emit", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+f.operator(claims))
		r.Header.Set("Idempotency-Key", key)
		w := httptest.NewRecorder()
		f.api.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s %s: %d %s, want %d", key, body, w.Code, w.Body, want)
		}
		checkResponse(t, r, w.Result(), w.Body.Bytes())
	}
	send := func(subject, key, body string, want int) {
		t.Helper()
		sendAs(map[string]any{"sub": subject}, key, body, want)
	}
	const a, b = `{"event":"a","to":{"all":true}}`, `{"event":"b","to":{"all":true}}`
	var at sync.WaitGroup
	for range 10 {
		at.Go(func() {
			r := httptest.NewRequest("POST", "/emit", strings.NewReader(a))
			r.Header.Set("Authorization", "Bearer "+f.operator(map[string]any{"scope": "socketio:publish"}))
			r.Header.Set("Idempotency-Key", "1")
			w := httptest.NewRecorder()
			if f.api.ServeHTTP(w, r); w.Code != http.StatusNoContent && w.Code != http.StatusConflict {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	at.Wait()
	send("grace", "1", a, http.StatusNoContent)
	send("grace", "1", b, http.StatusUnprocessableEntity)
	send("other", "1", b, http.StatusNoContent)
	send("grace", "2", `{"event":"disconnect","to":{"all":true}}`, http.StatusBadRequest)
	send("grace", "2", b, http.StatusNoContent)
	send("grace", strings.Repeat("x", 256), b, http.StatusBadRequest)
	send("grace", "3", `{"event":"a","to":{"all":true},"ackTimeout":1}`, http.StatusBadRequest)
	for _, client := range []string{"one", "two", "two"} { // two callers without a subject, of whom one repeats
		sendAs(map[string]any{"sub": nil, "client_id": client}, "4", a, http.StatusNoContent)
	}
	for _, event := range []string{"a", "b", "b", "a", "a"} {
		hears(t, p, event, `[]`)
	}
	if left := p.Events(); len(left) > 0 {
		t.Errorf("further events: %q", left)
	}
	if n := admin.Remembered(12_000); n != 10_000 {
		t.Errorf("%d keys are remembered", n)
	}
}

// A key is free again after a panic, as after an error.
func TestIdempotencyKeyAfterAPanic(t *testing.T) {
	f := newFixture(t)
	gate, _ := authtest.NewGate(t, auth.Options{})
	panicking := true
	api, err := admin.New(map[string]*auth.Gate{"main": gate}, f.verifier(), admin.Options{Server: f.srv.Server, UserRoom: func(string, string) string {
		if panicking {
			panic("a bug")
		}
		return "room"
	}})
	if err != nil {
		t.Fatal(err)
	}
	send := func() (status int, panicked any) {
		defer func() { panicked = recover() }()
		r := httptest.NewRequest("POST", "/emit", strings.NewReader(`{"event":"a","to":{"users":[{"subject":"ada"}]}}`))
		r.Header.Set("Authorization", "Bearer "+f.operator(map[string]any{"scope": "socketio:publish"}))
		r.Header.Set("Idempotency-Key", "1")
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		return w.Code, nil
	}
	if status, panicked := send(); panicked == nil {
		t.Fatalf("no panic, status %d", status)
	}
	panicking = false
	if status, _ := send(); status != http.StatusNoContent {
		t.Errorf("status %d after the panic", status)
	}
}

// Without a server, the API does not publish, and without rooms of users it addresses none.
func TestPublishingIsOptional(t *testing.T) {
	f := newFixture(t)
	verifier := f.verifier()
	var err error
	if f.api, err = admin.New(map[string]*auth.Gate{"main": f.gate}, verifier, admin.Options{}); err != nil {
		t.Fatal(err)
	}
	f.publish("/emit", `{"event":"x","to":{"all":true}}`, http.StatusNotFound, nil)
	if f.api, err = admin.New(map[string]*auth.Gate{"main": f.gate}, verifier, admin.Options{Server: f.srv.Server}); err != nil {
		t.Fatal(err)
	}
	f.publish("/emit", `{"event":"x","to":{"all":true}}`, http.StatusNoContent, nil)
	f.publish("/emit", `{"event":"x","to":{"users":[{"subject":"ada"}]}}`, http.StatusBadRequest, nil)
}

// brokenBus fails.
type brokenBus struct{}

var errBus = errors.New("a secret of the bus")

func (brokenBus) Publish(*socketio.Message) error                { return errBus }
func (brokenBus) Reply(socketio.NodeID, *socketio.Message) error { return errBus }
func (brokenBus) Close(context.Context) error                    { return nil }
func (brokenBus) Ask(context.Context, *socketio.Message) (socketio.Asked, error) {
	return socketio.Asked{}, errBus
}

// If the bus fails, the sockets of this node are reached, and the response says so.
func TestPublishingWithoutTheBus(t *testing.T) {
	f := newNode(t, socketio.Options{
		ClusterKey: make([]byte, 16), Bus: func(func(socketio.Message)) (socketio.Bus, error) { return brokenBus{}, nil },
	}, "this")
	p := f.dial(map[string]any{"sub": "ada"})
	for _, path := range []string{"/emit", "/rooms/join", "/rooms/leave"} {
		body := `{"event":"x","to":{"all":true}}`
		if path != "/emit" {
			body = `{"rooms":["x"],"to":{"all":true}}`
		}
		var problem struct{ Detail string }
		f.publish(path, body, http.StatusServiceUnavailable, &problem)
		if strings.Contains(problem.Detail, "secret") {
			t.Errorf("%s", problem.Detail)
		}
	}
	hears(t, p, "x", `[]`)
	go func() {
		if e, err := p.Expect(t.Context(), "q"); err == nil {
			_ = e.Ack(1)
		}
	}()
	var got acknowledgements
	f.publish("/emit", `{"event":"q","to":{"all":true},"ackTimeout":20}`, http.StatusOK, &got)
	if len(got.Answers) != 1 || got.Partial == nil {
		t.Errorf("%+v", got)
	}
}
