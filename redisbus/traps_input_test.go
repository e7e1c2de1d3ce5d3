package redisbus_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"socketiojwt/engineio"
	"socketiojwt/redisbus"
	"socketiojwt/socketio"
)

// The id of a socket of an Engine.IO 3 client is that of its session, and the name of a channel. Anyone
// who reads Redis learns it, so the session must be bound to more than its id.
func TestTrap10IDsOfOldClients(t *testing.T) {
	onEachWire(t, func(t *testing.T, p *place) {
		bus, err := redisbus.New(t.Context(), p.client, p.opts)
		if err != nil {
			t.Fatal(err)
		}
		srv, err := socketio.NewServer(socketio.Options{
			Engine:     engineio.Options{AllowEIO3: true, Bind: engineio.BindToAddress()},
			Bus:        bus.Join,
			ClusterKey: clusterKey,
		})
		if err != nil {
			t.Fatal(err)
		}
		srv.Open()
		handler, err := srv.Handler()
		if err != nil {
			t.Fatal(err)
		}
		web := httptest.NewServer(handler)
		defer web.Close()
		defer func() { _ = srv.Close() }()

		// get sends a request of a client that has that address.
		get := func(from, query string) (int, string) {
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
			client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				return dialer.DialContext(ctx, network, addr)
			}}}
			defer client.CloseIdleConnections()
			response, err := client.Get(web.URL + "/socket.io/?EIO=3&transport=polling" + query)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = response.Body.Close() }()
			body, _ := io.ReadAll(response.Body)
			return response.StatusCode, string(body)
		}
		_, body := get("127.0.0.1", "")
		_, rest, _ := strings.Cut(body, `"sid":"`)
		sid, _, _ := strings.Cut(rest, `"`)
		if sid == "" {
			t.Fatalf("no session in %s", body)
		}
		if p.roomChannels() {
			settle(t, p, 1, "socket.io#/#"+sid+"#")
		}
		if status, body := get("127.0.0.2", "&sid="+sid); status == http.StatusOK {
			t.Errorf("another address may use the session: %s", body)
		}
		if status, body := get("127.0.0.1", "&sid="+sid); status != http.StatusOK {
			t.Errorf("the client gets %d %s", status, body)
		}
	})
}

// Everything on the wire is input. A malformed message is ignored and counted, and the next message
// is delivered.
func TestTrap16EverythingIsInput(t *testing.T) {
	onEachWire(t, func(t *testing.T, p *place) {
		n := p.start(t)
		peer := n.dial("r")
		inRoom(t, p, 1, "r")
		f := p.foreign(t, 1)
		packets := []string{`null`, `[]`, `[[]]`, `{}`, `"x"`, `7`, `{"type":2}`, `{"type":2,"data":null}`, `{"type":2,"data":[]}`, `{"type":2,"data":{"0":"e"}}`, `{"type":2,"data":[null]}`,
			`{"type":2,"data":["connect"]}`, `{"type":99,"data":["e"]}`, `{"type":2,"data":["e",` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `]}`}
		options := []string{`null`, `[]`, `7`, `{"rooms":7}`, `{"rooms":{}}`, `{"rooms":[null]}`, `{"rooms":[{}]}`, `{"rooms":[[]]}`, `{"rooms":["r"],"except":7}`}
		malformed := []string{"", "garbage", "\xc1", "\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff", "{", "[]", "null", `{"type":"3"}`, `{"type":-1}`, strings.Repeat("\x91", 100_000)}
		for _, packet := range packets {
			malformed = append(malformed, message(t, f, packet, everyone))
		}
		for _, opts := range options {
			malformed = append(malformed, message(t, f, `{"type":2,"data":["wrong",`+opts+`],"nsp":"/"}`, opts))
		}
		channels := append(p.namespace("/"), "socket.io#/#r#", "socket.io-go#", "socket.io-go#"+string(n.bus.ID())+"#", "socket.io#/#"+string(n.bus.ID())+"#")
		for _, channel := range channels {
			for _, m := range malformed {
				f.publish(channel, m)
			}
		}
		if p.opts.Wire == redisbus.Streams {
			for _, m := range malformed {
				p.servers[0].Do("XADD", "socket.io", "*", "uid", f.uid, "nsp", "/", "type", "3", "data", m)
				p.servers[0].Do("XADD", "socket.io", "*", m, m)
			}
		}
		f.emit(everyone, `["right"]`)
		for {
			e, err := peer.Next(n.ctx)
			if err != nil {
				t.Fatal(err)
			}
			if e.Name == "right" {
				break
			}
			t.Errorf("received %v", e)
		}
		if h := n.bus.Health(); h.Ignored == 0 || !h.Connected {
			t.Errorf("health %+v", h)
		}
	})
}

// message returns a broadcast. It is JSON if it is nested too deeply to be MessagePack.
func message(t *testing.T, f *foreign, packet, opts string) string {
	switch f.p.opts.Wire {
	case redisbus.Streams: // data of an entry
		return `{"packet":` + packet + `,"opts":` + opts + `}`
	case redisbus.Sharded:
		return `{"type":3,"data":{"packet":` + packet + `,"opts":` + opts + `},"uid":"` + f.uid + `","nsp":"/"}`
	}
	text := `["` + f.uid + `",` + packet + `,` + opts + `]`
	if len(packet) > 10_000 {
		return "\x93\xa6other1" + strings.Repeat("\x91", 20_000) + "\x80\x80"
	}
	return messagePack(t, text)
}
