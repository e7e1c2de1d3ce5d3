package client_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/socketio/client"
)

// A script is what a server of Engine.IO sessions sends, whatever the client says: each
// line is a message, and one that begins with "b" is binary.
type script struct {
	s     *engineio.Session
	lines []string
	sent  bool
}

func (c *script) Message([]byte, bool) {
	if c.sent {
		return
	}
	c.sent = true
	for _, line := range c.lines {
		if data, binary := strings.CutPrefix(line, "b"); binary {
			_ = c.s.Send(engineio.NewBinaryMessage([]byte(data)))
		} else {
			_ = c.s.Send(engineio.NewMessage([]byte(line)))
		}
	}
}

func (c *script) Closed(engineio.Reason) {}

// play runs test against a server that sends lines once the client has sent CONNECT.
func play(t *testing.T, lines []string, test func(f *fixture)) {
	t.Helper()
	playInTurn(t, [][]string{lines}, test)
}

// playInTurn is play with the lines of each connection. Those of the last one are repeated.
func playInTurn(t *testing.T, turns [][]string, test func(f *fixture)) {
	t.Helper()
	var connections atomic.Int32
	synctest.Test(t, func(t *testing.T) {
		srv, err := engineio.NewServer(func(s *engineio.Session, _ *http.Request) engineio.Conn {
			turn := min(int(connections.Add(1)), len(turns)) - 1
			return &script{s: s, lines: turns[turn]}
		}, engineio.Options{Path: "/socket.io/", Logger: discard})
		if err != nil {
			t.Fatal(err)
		}
		serve(t, srv, func(f *fixture) {
			defer srv.Close()
			test(f)
		})
	})
}

const answered = `0{"sid":"s"}`

// A server that breaks the protocol or a limit loses the connection.
func TestHostileServer(t *testing.T) {
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	for name, lines := range map[string][]string{
		"not a packet":             {answered, "x"},
		"empty":                    {answered, ""},
		"CONNECT without an id":    {"0"},
		"CONNECT, not JSON":        {"0{"},
		"event without a name":     {answered, "2[]"},
		"event, not JSON":          {answered, `2["x"`},
		"event, not an array":      {answered, `2{}`},
		"event, odd name":          {answered, `2[{}]`},
		"reserved name":            {answered, `2["disconnect"]`},
		"deep":                     {answered, `2["x",` + deep + `]`},
		"too many arguments":       {answered, `2["x` + strings.Repeat(`",[1,2],"`, 6_000) + `"]`},
		"not enough attachments":   {answered, `51-["x",{"_placeholder":true,"num":0}]`, `2["y"]`},
		"attachment out of place":  {answered, `bdata`},
		"placeholder out of range": {answered, `51-["x",{"_placeholder":true,"num":1}]`, `bdata`},
		"too many attachments":     {answered, `511-["x"]`},
		"absurd attachments":       {answered, `59999999999-["x"]`},
		"absurd ack id":            {answered, `3` + strings.Repeat("9", 400) + `[]`},
		"too many bytes":           {answered, `52-["x",{"_placeholder":true,"num":0}]`, "b" + strings.Repeat("x", 6000), "b" + strings.Repeat("x", 6000)},
		"too long":                 {answered, `2["` + strings.Repeat("x", 200_000) + `"]`},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, lines, func(f *fixture) {
				c := f.dial(client.Options{NoReconnect: true, MaxMessage: 100_000, MaxPending: 10_000})
				s, err := c.Join(f.ctx, "/")
				for err == nil {
					_, err = s.Receive(f.ctx)
				}
				if !errors.Is(err, client.ErrClosed) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// Packets that are out of place but harmless are dropped.
func TestStrangePackets(t *testing.T) {
	play(t, []string{
		`2["early"]`, `0/other,{"sid":"x"}`, `4/other,{"message":"x"}`, `1/other,`, `2/other,["x"]`,
		answered, answered, `4{"message":"late"}`, `37["unasked"]`, `3["no id"]`, `2[7,"number"]`, `2["last"]`,
	}, func(f *fixture) {
		s := f.join(f.dial(client.Options{}), "/")
		f.expect(s, client.EventConnect)
		f.expect(s, "7")
		f.expect(s, "last")
	})
}

// A refusal that cannot be read is a refusal.
func TestUnreadableRefusal(t *testing.T) {
	for _, text := range []string{"4{", "4", "4[1]", `4"old"`, `4{"message":7}`} {
		play(t, []string{text}, func(f *fixture) {
			var refusal *client.ConnectError
			if _, err := f.dial(client.Options{}).Join(f.ctx, "/"); !errors.As(err, &refusal) || refusal.Temporary {
				t.Errorf("%s: %v", text, err)
			}
		})
	}
}

// A program that does not receive in time ends the client, and does not fill memory.
func TestSlowProgram(t *testing.T) {
	lines := []string{answered}
	for range 100 {
		lines = append(lines, `2["x","`+strings.Repeat("x", 1000)+`"]`)
	}
	play(t, lines, func(f *fixture) {
		c := f.dial(client.Options{MaxPending: 20_000})
		s, err := c.Join(f.ctx, "/")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		n := 0
		for ; err == nil; n++ {
			_, err = s.Receive(f.ctx)
		}
		if n < 10 || n > 20 || !errors.Is(err, client.ErrSlow) || !errors.Is(err, client.ErrClosed) {
			t.Errorf("%d events, then %v", n, err)
		}
		time.Sleep(time.Minute)
		if f.dialled() != 1 {
			t.Errorf("%d connections", f.dialled())
		}
	})
}

// A server cannot keep the client away for ever by its refusal.
func TestAbsurdRetryAfter(t *testing.T) {
	for _, after := range []string{"1e300", "-5", "99999999999", `"soon"`} {
		play(t, []string{`4{"message":"x","data":{"temporary":true,"retryAfter":` + after + `}}`}, func(f *fixture) {
			c := f.dial(client.Options{})
			ctx, cancel := context.WithTimeout(f.ctx, time.Hour)
			defer cancel()
			_, err := c.Join(ctx, "/")
			var refusal *client.ConnectError
			if !errors.As(err, &refusal) || refusal.RetryAfter < 0 || refusal.RetryAfter > 10*time.Minute {
				t.Errorf("%s: %v", after, err)
			}
		})
	}
}

// FuzzClient sends packets that a server may invent. The client must neither panic nor
// hang, and must end when it is closed.
func FuzzClient(f *testing.F) {
	for _, lines := range []string{
		answered + "\n" + `2["x",{"a":1}]` + "\n" + `37["y"]`,
		answered + "\n" + `51-/,3["x",{"_placeholder":true,"num":0}]` + "\nbdata\n1",
		`4{"message":"x","data":{"temporary":true,"retryAfter":1}}`,
		"0/a,{\"sid\":\"x\"}\n" + answered + "\n61-0[{\"_placeholder\":true,\"num\":0}]\nb",
	} {
		f.Add([]byte(lines))
	}
	f.Fuzz(func(t *testing.T, lines []byte) {
		if len(lines) > 10_000 || !validText(lines) {
			return
		}
		play(t, strings.Split(string(lines), "\n"), func(fx *fixture) {
			c := fx.dial(client.Options{NoReconnect: true})
			ctx, cancel := context.WithTimeout(fx.ctx, time.Second)
			defer cancel()
			s, err := c.Join(ctx, "/")
			if err == nil {
				go func() { _, _ = s.EmitWithAck(ctx, "ask") }()
			}
			for err == nil {
				var e *client.Event
				if e, err = s.Receive(ctx); err == nil {
					var v any
					_ = e.Scan(&v)
					_ = e.Ack(ctx, v)
				}
			}
			_ = c.Close()
		})
	})
}

// validText reports whether all lines that are not binary are UTF-8: an Engine.IO server
// of this module sends no other text.
func validText(lines []byte) bool { return len(bytes.ToValidUTF8(lines, nil)) == len(lines) }
