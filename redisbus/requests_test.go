package redisbus_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"socketiojwt/internal/redistest"
	"socketiojwt/redisbus"
)

// Requests of Node's adapter that package socketio does not know are answered by the bus: the
// names of all rooms, and the confirmations that version 6 waits for.
func TestRequestsThatTheBusAnswers(t *testing.T) {
	redis := redistest.Start(t)
	n := start(t, redis.Addr(), redisbus.Options{}, open)
	p := n.dial("x")
	inRoom(t, redis, 1, "x", p.ID())
	responses := redis.Subscribe("socket.io-response#/#", "socket.io-response#/#node66#")
	defer responses.Close()
	ask := func(request string) { redis.Publish("socket.io-request#/#", request) }

	ask(`{"uid":"node66","requestId":"r1","type":1}`)
	var reply struct {
		RequestID string
		Rooms     []string
	}
	m := responses.Next()
	if err := json.Unmarshal([]byte(m.Payload), &reply); err != nil || m.Channel != "socket.io-response#/#node66#" || reply.RequestID != "r1" {
		t.Errorf("%s: %s, %v", m.Channel, m.Payload, err)
	}
	if slices.Sort(reply.Rooms); !slices.Equal(reply.Rooms, slices.Sorted(slices.Values([]string{"x", p.ID()}))) {
		t.Errorf("rooms %q", reply.Rooms)
	}

	for i, c := range []struct {
		request string
		settled func()
	}{
		{`{"uid":"node66","requestId":"$id","type":2,"sid":"$sid","room":"new"}`, func() { inRoom(t, redis, 1, "new") }},
		{`{"uid":"node66","requestId":"$id","type":3,"sid":"$sid","room":"new"}`, func() { inRoom(t, redis, 0, "new") }},
		{`{"uid":"node66","requestId":"$id","type":4,"sid":"$sid","close":true}`, func() { inRoom(t, redis, 0, p.ID()) }},
	} {
		id := "wrong"
		for _, sid := range []string{"a socket of another node", p.ID()} { // only the second is here
			ask(strings.NewReplacer("$id", id, "$sid", sid).Replace(c.request))
			id = fmt.Sprint("v6-", i)
		}
		if m := responses.Next(); m.Payload != `{"requestId":"`+id+`"}` {
			t.Errorf("%s: answered %s", c.request, m.Payload)
		}
		c.settled()
	}
}
