package redisbus_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
	"socketiojwt/redisbus/internal/msgpack"
	"socketiojwt/socketio/sockettest"
)

// A foreign is a node of other software, which sends what a test says.
type foreign struct {
	t       testing.TB
	p       *place
	uid     string
	replies *redistest.Subscription
	asked   int
}

// foreign returns a node that no other node counts, because it hears only replies.
func (p *place) foreign(t testing.TB) *foreign {
	t.Helper()
	f := &foreign{t: t, p: p, uid: "other1"}
	if p.opts.Wire == redisbus.Sharded {
		f.uid = "0123456789abcdef"
		f.replies = p.servers[0].ShardSubscribe("socket.io#/#" + f.uid + "#")
	} else {
		f.replies = p.servers[0].Subscribe("socket.io-response#/#", "socket.io-response#/#"+f.uid+"#")
	}
	return f
}

// publish publishes a payload on a channel of the wire and returns the number of receivers.
func (f *foreign) publish(channel, payload string) int {
	f.t.Helper()
	if f.p.opts.Wire == redisbus.Sharded {
		return f.p.servers[0].ShardPublish(channel, payload)
	}
	return f.p.servers[0].Publish(channel, payload)
}

// messagePack returns JSON as MessagePack.
func messagePack(t testing.TB, text string) string {
	t.Helper()
	b, err := msgpack.Append(nil, []byte(text), nil)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return string(b)
}

// emit broadcasts an event. Options and event are JSON.
func (f *foreign) emit(opts, event string) {
	f.t.Helper()
	if f.p.opts.Wire == redisbus.Sharded {
		f.publish("socket.io#/#", fmt.Sprintf(`{"type":3,"data":{"packet":{"type":2,"data":%s},"opts":%s},"uid":%q,"nsp":"/"}`, event, opts, f.uid))
		return
	}
	f.publish("socket.io#/#", messagePack(f.t, fmt.Sprintf(`[%q,{"type":2,"data":%s,"nsp":"/"},%s]`, f.uid, event, opts)))
}

// The kinds of requests that ask and tell send.
const (
	joining    = "join"
	leave      = "leave"
	disconnect = "disconnect"
	fetch      = "fetch"
	serverSide = "server-side"
	withAck    = "with ack"
)

// numbers are those of the kinds on the wires.
var numbers = map[redisbus.Wire]map[string]int{
	redisbus.Classic: {joining: 2, leave: 3, disconnect: 4, fetch: 5, serverSide: 6, withAck: 7},
	redisbus.Sharded: {joining: 4, leave: 5, disconnect: 6, fetch: 7, serverSide: 9, withAck: 3},
}

// tell sends a request that is not answered. Members is JSON: members of an object.
func (f *foreign) tell(kind, members string) {
	f.t.Helper()
	number := numbers[f.p.opts.Wire][kind]
	if f.p.opts.Wire == redisbus.Sharded {
		f.publish("socket.io#/#", fmt.Sprintf(`{"type":%d,"data":{%s},"uid":%q,"nsp":"/"}`, number, members, f.uid))
		return
	}
	request := fmt.Sprintf(`{"uid":%q,"type":%d,%s}`, f.uid, number, members)
	if kind == withAck {
		request = messagePack(f.t, request)
	}
	f.publish("socket.io-request#/#", request)
}

// ask sends a request that is to be answered and returns its id.
func (f *foreign) ask(kind, members string) string {
	f.t.Helper()
	f.asked++
	id := fmt.Sprintf("request%d", f.asked)
	f.tell(kind, fmt.Sprintf(`"requestId":%q,%s`, id, members))
	return id
}

// event returns the member of a request for a server-side event.
func (f *foreign) event(event string) string {
	if f.p.opts.Wire == redisbus.Sharded {
		return `"packet":` + event
	}
	return `"data":` + event
}

// A reply is what a node replies to a foreign node.
type reply struct {
	Type    int
	ID      string `json:"requestId"`
	Count   *int   `json:"clientCount"`
	Sockets []struct{ ID string }
	Packet  json.RawMessage
	Data    json.RawMessage
	text    string
}

// reply waits for the next reply.
func (f *foreign) reply() reply {
	f.t.Helper()
	return f.read(f.replies.Next().Payload)
}

func (f *foreign) read(payload string) (r reply) {
	f.t.Helper()
	text := []byte(payload)
	if !strings.HasPrefix(payload, "{") {
		var err error
		if text, err = msgpack.DecodeWithoutAttachments(text); err != nil {
			f.t.Fatalf("reply %q: %v", payload, err)
		}
	}
	into := any(&r)
	var outer struct {
		Type int
		Data *reply
	}
	if f.p.opts.Wire == redisbus.Sharded {
		outer.Data, into = &r, &outer
	}
	if err := json.Unmarshal(text, into); err != nil {
		f.t.Fatalf("reply %s: %v", text, err)
	}
	r.text = string(text)
	return r
}

// silent checks that no further reply arrives before one to a new request.
func (f *foreign) silent(why string) {
	f.t.Helper()
	id := f.ask(fetch, `"opts":{"rooms":[],"except":[]}`)
	if r := f.reply(); r.ID != id {
		f.t.Errorf("%s: got the reply %s", why, r.text)
	}
}

// ended waits until the server has disconnected a peer.
func ended(t testing.TB, ctx context.Context, p *sockettest.Peer) {
	t.Helper()
	if err := p.Ended(ctx); ctx.Err() != nil {
		t.Errorf("the socket has not ended: %v", err)
	}
}

// within bounds a wait that must not take as long as the timeout of Node's adapters, 5 s.
func within(t testing.TB, began time.Time) {
	t.Helper()
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
}
