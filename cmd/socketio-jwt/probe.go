package main

import (
	"context"
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
	Token     *string       `env:"SOCKETIO_JWT_TOKEN" placeholder:"TOKEN" help:"Token to show, or - to read it from standard input. Without it no token is shown."`
	Namespace string        `default:"/" placeholder:"NAME" help:"Namespace to join. Default: ${default}."`
	Mode      string        `enum:"auto,handshake,event" default:"auto" placeholder:"MODE" help:"When to show the token: handshake with CONNECT, event by the event \"authenticate\", auto in both. Default: ${default}."`
	Timeout   time.Duration `default:"10s" help:"How long to wait for the verdict. Default: ${default}."`
	Stay      time.Duration `help:"Once admitted, stay that long and print what comes: to see a token expire, say."`
}

// Help is shown by --help.
func (probeCommand) Help() string {
	return `Prints each packet with its time and direction, without the token, and then the verdict.

An answer to CONNECT does not tell whether the socket is admitted: a namespace in event mode answers it and then holds the socket until "authenticate" brings a token. So with a token, --mode auto sends "authenticate" as well and waits for the answer. Without a token it only waits, because a held socket is refused in the end and a guest is not. --mode handshake takes the answer to CONNECT as the verdict.

The exit code is 0 if the socket was admitted, 1 if it was refused, 2 if there was no verdict.

Examples:

    curl -s http://localhost:9000/login -H 'Content-Type: application/json' \
        -d '{"username": "ada"}' | socketio-jwt probe http://localhost:9000 --token -
    socketio-jwt probe http://localhost:9000 --token - --namespace /admin < token.txt
    socketio-jwt probe https://chat.example`
}

// Run connects, and prints packets and the verdict.
func (c *probeCommand) Run(ctx context.Context, t terminal) error {
	address, err := socketURL(c.URL)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(c.Namespace, "/") || strings.ContainsAny(c.Namespace, ",") {
		return fmt.Errorf("--namespace %s: a namespace begins with a slash and has no comma", c.Namespace)
	}
	if err := joined(positive("--timeout", c.Timeout), notNegative("--stay", c.Stay)); err != nil {
		return err
	}
	p := &probe{t: t, namespace: c.Namespace, mode: c.Mode}
	if c.Token != nil {
		if p.token, err = readToken(ctx, *c.Token, t.in); err != nil {
			return err
		}
	}
	opening, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("the server did not answer within %v", c.Timeout))
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
		return "", fmt.Errorf("%s is not the URL of a server, such as http://localhost:9000", raw)
	}
	if u.User != nil {
		return "", errors.New("a user name or password in the URL would be printed and not used: leave them out")
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
	mode      string
}

// verdict is the answer of the server.
type verdict struct {
	admitted bool
	text     string
}

// connected is the error for a server that answers CONNECT and then nothing.
func (p *probe) connected(err error) error {
	if p.token == "" {
		return fmt.Errorf("no verdict: the namespace answered CONNECT without a token, and then nothing. It admits guests or has no gate, or its gate waits for longer than --timeout: %w", err)
	}
	return fmt.Errorf("no verdict: the namespace answered CONNECT, and did not answer \"authenticate\". If it looks at the handshake only, --mode handshake gives its verdict: %w", err)
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
	if p.mode != "event" && p.token != "" {
		connect = string(shown)
	}
	if err := p.send(packetConnect, connect); err != nil {
		return verdict{}, err
	}
	var unauthorized *refusal
	connected := false
	for {
		packet, ok, err := p.receive(ctx)
		switch {
		case err != nil && unauthorized != nil: // a temporary refusal closes the transport
			return verdict{text: unauthorized.words("The event \"unauthorized\" refused the token")}, nil
		case err != nil && connected && p.mode != "event":
			return verdict{}, p.connected(err)
		case err != nil:
			return verdict{}, fmt.Errorf("no verdict: %w", err)
		case !ok || packet.namespace != p.namespace:
			continue
		}
		switch packet.kind {
		case packetConnect:
			connected = true
			if p.mode == "handshake" {
				return verdict{true, "ADMITTED: the namespace answered CONNECT. (If it is in event mode, the socket is held: give --mode event.)"}, nil
			}
			if err := p.authenticate(string(shown)); err != nil {
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

// authenticate shows the token by event, in the modes that do.
func (p *probe) authenticate(shown string) error {
	if p.mode == "auto" && p.token == "" {
		p.say("connected without a token; waiting for the server to refuse the socket")
		return nil
	}
	if p.mode == "auto" {
		p.say("connected, and admitted or held: \"authenticate\" tells which")
	}
	return p.send(packetEvent, `["authenticate",`+shown+`]`)
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
