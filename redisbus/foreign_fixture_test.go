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

// foreign returns a node that no other node counts, because it hears only replies. It waits until
// that many nodes can be asked.
func (p *place) foreign(t testing.TB, nodes int) *foreign {
	t.Helper()
	settle(t, p, nodes, p.namespace("/")...)
	f := &foreign{t: t, p: p, uid: "0123456789abcdef"}
	switch p.opts.Wire {
	case redisbus.Sharded:
		f.replies = p.servers[0].ShardSubscribe("socket.io#/#" + f.uid + "#")
	case redisbus.Streams:
		f.replies = p.servers[0].Subscribe("socket.io#/#" + f.uid + "#")
	default:
		f.uid = "other1"
		f.replies = p.servers[0].Subscribe("socket.io-response#/#", "socket.io-response#/#"+f.uid+"#")
	}
	return f
}

// publish publishes a payload on a channel of the wire.
func (f *foreign) publish(channel, payload string) { f.p.publish(channel, payload) }

// send sends a message in the form that the wires other than the classic one share. Data is JSON.
func (f *foreign) send(channel string, number int, data string) {
	f.t.Helper()
	message := fmt.Sprintf(`{"type":%d,"data":%s,"uid":%q,"nsp":"/"}`, number, data, f.uid)
	if f.p.opts.Wire == redisbus.Streams {
		message = messagePack(f.t, message)
	}
	f.publish(channel, message)
}

// add adds an entry to the stream of the streams wire. Data is JSON.
func (f *foreign) add(number int, data string) {
	f.p.servers[0].Do("XADD", "socket.io", "*", "uid", f.uid, "nsp", "/", "type", fmt.Sprint(number), "data", data)
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
	data := fmt.Sprintf(`{"packet":{"type":2,"data":%s},"opts":%s}`, event, opts)
	switch f.p.opts.Wire {
	case redisbus.Sharded:
		f.send("socket.io#/#", 3, data)
	case redisbus.Streams:
		f.add(3, data)
	default:
		f.publish("socket.io#/#", messagePack(f.t, fmt.Sprintf(`[%q,{"type":2,"data":%s,"nsp":"/"},%s]`, f.uid, event, opts)))
	}
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

// number returns that of a kind on the wire.
func (f *foreign) number(kind string) int {
	if f.p.opts.Wire == redisbus.Classic {
		return map[string]int{joining: 2, leave: 3, disconnect: 4, fetch: 5, serverSide: 6, withAck: 7}[kind]
	}
	return map[string]int{joining: 4, leave: 5, disconnect: 6, fetch: 7, serverSide: 9, withAck: 3}[kind]
}

// tell sends a request that is not answered. Members is JSON: members of an object.
func (f *foreign) tell(kind, members string) {
	f.t.Helper()
	number := f.number(kind)
	switch {
	case f.p.opts.Wire == redisbus.Classic:
		request := fmt.Sprintf(`{"uid":%q,"type":%d,%s}`, f.uid, number, members)
		if kind == withAck {
			request = messagePack(f.t, request)
		}
		f.publish("socket.io-request#/#", request)
	case f.p.opts.Wire == redisbus.Streams && (kind == joining || kind == leave || kind == disconnect):
		f.add(number, "{"+members+"}")
	default:
		f.send("socket.io#/#", number, "{"+members+"}")
	}
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
	if f.p.opts.Wire == redisbus.Classic {
		return `"data":` + event
	}
	return `"packet":` + event
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
	if f.p.opts.Wire != redisbus.Classic {
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
