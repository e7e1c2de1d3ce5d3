package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Protocol is what the clients of a server speak.
type Protocol string

// The protocols.
const (
	SocketIO   Protocol = ""           // Socket.IO 4 over Engine.IO
	Centrifuge Protocol = "centrifuge" // Centrifuge's JSON protocol; tokens are shown in its connect command
)

// CentrifugePath is where a server speaks Centrifuge's protocol over WebSocket.
const CentrifugePath = "/connection/websocket"

// invalidToken is the status of the close frame with which Centrifuge refuses a bad token.
const invalidToken = 3500

// Message is what a broadcast carries: a time that identifies it, and padding.
type Message struct {
	T   int64  `json:"t"`
	Pad string `json:"pad"`
}

// Burst asks a server for N broadcasts, or for one to each of N rooms, back to back.
type Burst struct {
	T   int64  `json:"t"` // of the first; each of the others has one microsecond more
	N   int    `json:"n"`
	Pad string `json:"pad"`
}

// Each calls emit with each message of the burst and its number, until one fails.
func (b Burst) Each(emit func(int, Message) error) error {
	for i := range b.N {
		if err := emit(i, Message{b.T + int64(i), b.Pad}); err != nil {
			return fmt.Errorf("after %d broadcasts: %w", i, err)
		}
	}
	return nil
}

// emit sends an event with one argument, which is JSON, and wants no answer.
func (c *connection) emit(event, argument string) error {
	if c.protocol == Centrifuge {
		return c.send(`{"send":{"data":{"event":"` + event + `","data":` + argument + `}}}`)
	}
	return c.send(`42["` + event + `",` + argument + `]`)
}

// request sends an event with one argument, and reads the answer, which must be that argument again.
func (c *connection) request(id int, event, argument string) error {
	packet, answer := `42`+strconv.Itoa(id)+`["`+event+`",`+argument+`]`, `43`+strconv.Itoa(id)+`[`+argument+`]`
	if c.protocol == Centrifuge {
		number := strconv.Itoa(id + 2) // the connect command had 1
		packet = `{"id":` + number + `,"rpc":{"method":"` + event + `","data":` + argument + `}}`
		answer = `{"id":` + number + `,"rpc":{"data":` + argument + `}}`
	}
	if err := c.send(packet); err != nil {
		return err
	}
	p, err := c.next()
	if err == nil && string(p) != answer {
		err = fmt.Errorf("%.80s expected, got %.80q", answer, p)
	}
	return err
}

// sentAt returns the time that a broadcast carries, in microseconds.
func sentAt(packet []byte) (int64, bool) {
	rest, ok := bytes.CutPrefix(packet, []byte(`42["broadcast",{"t":`))
	if !ok {
		rest, ok = bytes.CutPrefix(packet, []byte(`{"push":{"channel":"all","pub":{"data":{"t":`))
	}
	end := bytes.IndexAny(rest, ",}")
	if !ok || end < 0 {
		return 0, false
	}
	sent, err := strconv.ParseInt(string(rest[:end]), 10, 64)
	return sent, err == nil
}

// joinCentrifuge sends the connect command. The server subscribes the client to its channels.
func (c *connection) joinCentrifuge(token string) error {
	command, err := json.Marshal(map[string]any{"id": 1, "connect": map[string]string{"token": token}})
	if err != nil {
		return err
	}
	if err := c.send(string(command)); err != nil {
		return err
	}
	p, err := c.next()
	if err == nil && !strings.HasPrefix(string(p), `{"id":1,"connect":{`) {
		err = fmt.Errorf("an answer to connect expected, got %.80q", p)
	}
	if err == nil && !bytes.Contains(p, []byte(`"subs":{"all":{`)) {
		err = fmt.Errorf("not subscribed by the server: %.200q", p)
	}
	return err
}

// nextReply returns the next reply or push of Centrifuge, which has one a line, other than a ping, which it answers.
func (c *connection) nextReply() ([]byte, error) {
	for {
		if len(c.lines) == 0 {
			p, err := c.message()
			if err != nil {
				return nil, err
			}
			c.lines = p
		}
		line, rest, _ := bytes.Cut(c.lines, []byte("\n"))
		c.lines = rest
		switch string(line) {
		case "":
		case "{}":
			if err := c.send("{}"); err != nil {
				return nil, err
			}
		default:
			return line, nil
		}
	}
}
