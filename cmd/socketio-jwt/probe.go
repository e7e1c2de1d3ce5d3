package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/internal/wirejson"
)

// probeCommand connects as a client would.
type probeCommand struct {
	URL       string        `arg:"" placeholder:"URL" help:"Server, such as http://localhost:9000. Its path is that of Socket.IO; /socket.io/ if there is none."`
	Token     *string       `env:"SOCKETIO_JWT_TOKEN" placeholder:"TOKEN" help:"Token to knock with, or - to read it from standard input. Without one it knocks without."`
	Namespace string        `default:"/" placeholder:"NAME" help:"Namespace to join. Default: ${default}."`
	EventMode bool          `help:"Send the token by the event \"authenticate\" (two round trips) instead of with CONNECT (one)."`
	Timeout   time.Duration `default:"10s" help:"How long to wait for the verdict. Default: ${default}."`
	Stay      time.Duration `help:"Once admitted, stay that long and print what comes: to see a token expire, say."`
}

// Help is shown by --help.
func (probeCommand) Help() string {
	return `Prints each packet with its time and direction, without the token, and then the verdict. The exit code is 0 if the token was let in, 1 if it was refused, 2 if there was no verdict.

Examples:

    curl -s http://localhost:9000/login -H 'Content-Type: application/json' -d '{"username": "ada"}' | socketio-jwt probe http://localhost:9000 --token -
    socketio-jwt probe http://localhost:9000 --token - --namespace /admin --event-mode < token.txt
    socketio-jwt probe https://chat.example`
}

// The Socket.IO packet types that decide.
const (
	packetConnect      = '0'
	packetDisconnect   = '1'
	packetEvent        = '2'
	packetAck          = '3'
	packetConnectError = '4'
)

// Run connects, and prints packets and the verdict.
func (c *probeCommand) Run(ctx context.Context, t terminal) error {
	address, err := socketURL(c.URL)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(c.Namespace, "/") || strings.ContainsAny(c.Namespace, ",") {
		return fmt.Errorf("--namespace %s: a namespace begins with a slash and has no comma", c.Namespace)
	}
	p := &probe{t: t, namespace: c.Namespace, eventMode: c.EventMode}
	if c.Token != nil {
		if p.token, err = readToken(ctx, *c.Token, t.in); err != nil {
			return err
		}
	}
	opening, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("the server said nothing that decides within %v", c.Timeout))
	defer cancel()
	p.say("connecting to %s", address)
	p.conn, err = engineio.Dial(opening, address, engineio.DialOptions{Header: http.Header{"User-Agent": {"socketio-jwt probe"}}})
	if err != nil {
		return fmt.Errorf("could not connect: %s", p.clean(err.Error())) // it may quote the server
	}
	defer func() { _ = p.conn.Close() }()
	p.opened()

	verdict, err := p.knock(opening)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "\n%s\n", p.shorten(verdict.text))
	if !verdict.admitted {
		return errRefused
	}
	if c.Stay > 0 {
		staying, cancel := context.WithTimeout(ctx, c.Stay)
		defer cancel()
		p.stay(staying)
	}
	return nil
}

// socketURL gives the URL the path of Socket.IO if it has none.
func socketURL(raw string) (string, error) {
	if !strings.Contains(raw, "://") {
		raw = "http://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("%s is no URL of a server, such as http://localhost:9000", raw)
	}
	if u.User != nil {
		return "", errors.New("a user name or password in the URL would be shown and not be used: leave them out")
	}
	switch u.Path {
	case "", "/":
		u.Path = "/socket.io/"
	}
	u.Fragment = ""
	return u.String(), nil
}

// probe is one connection.
type probe struct {
	t         terminal
	conn      *engineio.ClientConn
	token     string
	namespace string
	eventMode bool
}

// verdict is what came of it.
type verdict struct {
	admitted bool
	text     string
}

// knock joins the namespace, shows the token and waits for the verdict.
func (p *probe) knock(ctx context.Context) (verdict, error) {
	payload := struct {
		Token string `json:"token,omitzero"`
	}{p.token}
	shown, err := wirejson.Marshal(payload)
	if err != nil {
		return verdict{}, err
	}
	connect := ""
	if !p.eventMode && p.token != "" {
		connect = string(shown)
	}
	if err := p.send(packetConnect, connect); err != nil {
		return verdict{}, err
	}
	var unauthorized *refusal
	for {
		packet, ok, err := p.receive(ctx)
		switch {
		case err != nil && unauthorized != nil: // a temporary refusal closes the transport
			return verdict{text: unauthorized.words("The event \"unauthorized\" refused the token")}, nil
		case err != nil:
			return verdict{}, fmt.Errorf("no verdict: %w", err)
		case !ok || packet.namespace != p.namespace:
			continue
		}
		switch packet.kind {
		case packetConnect:
			if !p.eventMode {
				return verdict{true, "ADMITTED: the namespace answered CONNECT. (A namespace in event mode does so before it has seen a token; for such a one give --event-mode.)"}, nil
			}
			if err := p.send(packetEvent, `["authenticate",`+string(shown)+`]`); err != nil {
				return verdict{}, err
			}
		case packetConnectError:
			return verdict{text: readRefusal(packet.data).words("CONNECT_ERROR refused the socket")}, nil
		case packetDisconnect:
			if unauthorized != nil {
				return verdict{text: unauthorized.words("The event \"unauthorized\" refused the token")}, nil
			}
			return verdict{text: "REFUSED: the server sent DISCONNECT and gave no reason."}, nil
		case packetEvent:
			switch name, first := packet.event(); name {
			case "authenticated":
				return verdict{true, "ADMITTED: the server answered \"authenticated\"."}, nil
			case "unauthorized":
				unauthorized = readRefusal(first)
				if packet.id != "" {
					if err := p.send(packetAck, packet.id+"[]"); err != nil {
						return verdict{}, err
					}
				}
			}
		}
	}
}

// stay prints what comes until ctx or the connection ends.
func (p *probe) stay(ctx context.Context) {
	for {
		if _, _, err := p.receive(ctx); err != nil {
			if ctx.Err() == nil {
				p.say("the connection ended: %v", err)
			}
			return
		}
	}
}

// opened prints the Engine.IO handshake.
func (p *probe) opened() {
	h := p.conn.Handshake()
	p.say("connected: pings every %v, answers within %v, up to %d bytes at once", h.PingInterval, h.PingTimeout, h.MaxPayload)
}

func (p *probe) send(kind byte, rest string) error {
	text := string(kind)
	if p.namespace != "/" {
		text += p.namespace + ","
	}
	text += rest
	p.print("→", text)
	return p.conn.Send([]byte(text))
}

// receive returns the next packet; ok is false for one that decides nothing.
func (p *probe) receive(ctx context.Context) (packet socketPacket, ok bool, err error) {
	data, binary, err := p.conn.Receive(ctx)
	switch {
	case err != nil:
		return socketPacket{}, false, err
	case binary:
		p.print("←", fmt.Sprintf("(attachment, %d bytes)", len(data)))
		return socketPacket{}, false, nil
	}
	p.print("←", string(data))
	packet, ok = readPacket(string(data))
	return packet, ok, nil
}

// maxPrinted bounds what is printed of a packet and of a verdict, in characters.
const maxPrinted = 2000

func (p *probe) print(direction, packet string) {
	fmt.Fprintf(p.t.out, "%s %s %s\n", stamp(), direction, p.shorten(packet))
}

// shorten is clean for what may be long.
func (p *probe) shorten(text string) string {
	shown := []rune(p.clean(text))
	if len(shown) > maxPrinted {
		shown = append(shown[:maxPrinted], []rune(fmt.Sprintf("… (%d bytes)", len(text)))...)
	}
	return string(shown)
}

// say prints a line of its own.
func (p *probe) say(format string, args ...any) {
	fmt.Fprintf(p.t.out, "%s · %s\n", stamp(), p.clean(fmt.Sprintf(format, args...)))
}

// clean makes what a server sent fit for a terminal, without the token.
func (p *probe) clean(text string) string {
	return strings.ReplaceAll(printable(redact(text, p.token)), "\n", `\n`)
}

func stamp() string { return time.Now().Format("15:04:05.000") }

// socketPacket is a Socket.IO packet without attachments.
type socketPacket struct {
	kind      byte
	namespace string
	id        string
	data      string
}

// readPacket reads "type[/namespace,][ack id][JSON]". Packets with attachments
// decide nothing, and are not read.
func readPacket(text string) (socketPacket, bool) {
	if text == "" || text[0] < packetConnect || text[0] > packetConnectError {
		return socketPacket{}, false
	}
	p := socketPacket{kind: text[0], namespace: "/"}
	rest := text[1:]
	if strings.HasPrefix(rest, "/") {
		p.namespace, rest, _ = strings.Cut(rest, ",")
	}
	p.data = strings.TrimLeft(rest, "0123456789")
	p.id = strings.TrimSuffix(rest, p.data)
	return p, true
}

// event returns the name of an event and its first argument.
func (p socketPacket) event() (name, first string) {
	var args []json.RawMessage
	if wirejson.Unmarshal([]byte(p.data), &args) != nil || len(args) == 0 || wirejson.Unmarshal(args[0], &name) != nil {
		return "", ""
	}
	if len(args) > 1 {
		first = string(args[1])
	}
	return name, first
}

// refusal is what a server says of it, in the shape of CONNECT_ERROR and of
// "unauthorized".
type refusal struct {
	Message string `json:"message"`
	Data    struct {
		Code   string `json:"code"`
		Reason string `json:"reason"`
		ID     string `json:"id"`
	} `json:"data"`
}

func readRefusal(data string) *refusal {
	r := new(refusal)
	if err := wirejson.Unmarshal([]byte(data), r); err != nil && r.Message == "" {
		r.Message = "something that cannot be read"
	}
	return r
}

// words puts the refusal into a sentence.
func (r *refusal) words(who string) string {
	text := fmt.Sprintf("REFUSED: %s: %s.", who, r.Message)
	for _, part := range []struct{ name, value string }{{"code", r.Data.Code}, {"reason", r.Data.Reason}, {"id in the server's log", r.Data.ID}} {
		if part.value != "" {
			text += fmt.Sprintf(" %s: %s.", part.name, part.value)
		}
	}
	return text
}
